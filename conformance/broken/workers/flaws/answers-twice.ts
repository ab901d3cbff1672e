import type { Flaw } from "../Flaw.ts"

/** Each answer is given twice. */
export default {
  says: (message, next) => {
    next(message)
    if (message.type === "response" || message.type === "error") next(message)
  }
} satisfies Flaw
