import type { Flaw } from "../Flaw.ts"

/** Announces that it answers pings, and does not. */
export default {
  says: (message, next) => {
    if (message.type !== "pong") next(message)
  }
} satisfies Flaw
