import type { Flaw } from "../Flaw.ts"

/** A call that was given up is not told. */
export default {
  says: (message, next) => {
    if (message.type !== "call" || message.payload["name"] !== "abort") next(message)
  }
} satisfies Flaw
