import type { Flaw } from "../Flaw.ts"

/** A cancel of what is not in flight is answered. */
export default {
  hears: (message, next, worker) => {
    const isKnown = message.type !== "cancel" || worker.inFlight.has(message.id)
    if (isKnown) next(message)
    else worker.fail(message.id, "CANCELLED", "there is no such invocation")
  }
} satisfies Flaw
