import type { Flaw } from "../Flaw.ts"

/** Pings are answered while there is nothing else to do. */
export default {
  hears: (message, next, worker) => {
    if (message.type !== "ping" || (worker.inFlight.size === 0 && worker.state === "loaded")) next(message)
  }
} satisfies Flaw
