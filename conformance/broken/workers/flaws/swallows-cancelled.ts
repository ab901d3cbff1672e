import type { Flaw } from "../Flaw.ts"

/** What is cancelled is not answered: nobody waits for it. */
export default {
  says: (message, next) => {
    if (message.type !== "error" || message.payload["code"] !== "CANCELLED") next(message)
  }
} satisfies Flaw
