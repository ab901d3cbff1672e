import type { Flaw } from "../Flaw.ts"

/** What is cancelled is aborted, and answered like everything else. */
export default {
  hears: (message, next, worker) => {
    next(message)
    const invocation = worker.inFlight.get(message.id)
    if (message.type === "cancel" && invocation !== undefined) invocation.cancelled = false
  }
} satisfies Flaw
