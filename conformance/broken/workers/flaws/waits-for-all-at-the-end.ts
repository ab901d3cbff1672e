import type { Flaw } from "../Flaw.ts"

/** The end of stdin ends it when everything is answered. */
export default {
  hangsUp: (next, worker) => {
    if (worker.inFlight.size === 0) return next()
    worker.isStopping = true
    setInterval(() => {}, 1_000)
  }
} satisfies Flaw
