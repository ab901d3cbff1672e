import type { Flaw } from "../Flaw.ts"

/** What is said outside of any invocation is lost. */
export default {
  says: (message, next) => {
    if (message.type !== "log" || message.id !== "") next(message)
  }
} satisfies Flaw
