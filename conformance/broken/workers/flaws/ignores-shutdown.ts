import type { Flaw } from "../Flaw.ts"

/** There is no shutdown. */
export default {
  hears: (message, next) => {
    if (message.type !== "shutdown") next(message)
  }
} satisfies Flaw
