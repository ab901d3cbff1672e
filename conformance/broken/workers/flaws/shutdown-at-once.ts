import type { Flaw } from "../Flaw.ts"

/** A shutdown ends it, whatever is in flight. */
export default {
  hears: (message, next, worker) => {
    if (message.type === "shutdown") worker.exit(0)
    else next(message)
  }
} satisfies Flaw
