import type { Flaw } from "../Flaw.ts"

/** A message without a payload is none. */
export default {
  hears: (message, next) => {
    if (typeof message.payload === "object" && message.payload !== null) next(message)
  }
} satisfies Flaw
