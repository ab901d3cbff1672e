import type { Flaw } from "../Flaw.ts"

/** Whatever fails, it is the handler's error. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    next(type === "error" ? { ...message, payload: { ...payload, code: "HANDLER_ERROR" } } : message)
  }
} satisfies Flaw
