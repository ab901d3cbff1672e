import type { Flaw } from "../Flaw.ts"

/** What is cancelled is not told. */
export default {
  hears: (message, next, worker) => {
    const invocation = worker.inFlight.get(message.id)
    if (message.type !== "cancel" || invocation?.begun !== true) next(message)
    else invocation.cancelled = true
  }
} satisfies Flaw
