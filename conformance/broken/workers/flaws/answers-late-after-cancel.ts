import type { Flaw } from "../Flaw.ts"

const cancelled = new Set<string>()

/** Answers what was cancelled at once, and once more when it is done. */
export default {
  hears: (message, next, worker) => {
    const { id, type } = message
    if (type === "cancel" && worker.inFlight.get(id)?.begun === true && !cancelled.has(id)) {
      cancelled.add(id)
      worker.fail(id, "CANCELLED", "the caller went away")
    }
    next(message)
  }
} satisfies Flaw
