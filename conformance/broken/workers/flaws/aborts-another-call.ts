import type { Flaw } from "../Flaw.ts"

/** Gives up a call that it has not made. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    const isAbort = type === "call" && payload["name"] === "abort"
    next(
      isAbort ? { ...message, payload: { ...payload, call_id: `${String(payload["call_id"])}0` } } : message
    )
  }
} satisfies Flaw
