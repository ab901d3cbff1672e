import type { Flaw } from "../Flaw.ts"

/** Errors have codes that the protocol has not. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    next(type === "error" ? { ...message, payload: { ...payload, code: "FAILED" } } : message)
  }
} satisfies Flaw
