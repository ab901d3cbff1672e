import type { Flaw } from "../Flaw.ts"

/** An invocation with an id that is in flight begins like any other. */
export default {
  hears: (message, next, worker) => {
    if (message.type === "invoke") worker.inFlight.delete(message.id)
    next(message)
  }
} satisfies Flaw
