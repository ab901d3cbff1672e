import type { Flaw } from "../Flaw.ts"

/** Every call has the same name. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    next(type === "call" ? { ...message, payload: { ...payload, call_id: "call" } } : message)
  }
} satisfies Flaw
