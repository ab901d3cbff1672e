import type { Flaw } from "../Flaw.ts"

/** An invocation whose id has odd characters, or none, gets no answer. */
export default {
  hears: (message, next) => {
    if (message.type !== "invoke" || /^[\w.:-]+$/.test(message.id)) next(message)
  }
} satisfies Flaw
