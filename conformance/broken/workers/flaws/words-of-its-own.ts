import type { Flaw } from "../Flaw.ts"

/** Every failure has the same message. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    const words = "something went wrong"
    next(type === "error" ? { ...message, payload: { message: words, code: payload["code"] } } : message)
  }
} satisfies Flaw
