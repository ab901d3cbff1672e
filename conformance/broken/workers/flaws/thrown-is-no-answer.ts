import type { Flaw } from "../Flaw.ts"

/** What the handler throws is taken for what it gives. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    const isThrown = type === "error" && payload["code"] === "HANDLER_ERROR"
    next(isThrown ? { ...message, payload: { ...payload, code: "INVALID_RESPONSE" } } : message)
  }
} satisfies Flaw
