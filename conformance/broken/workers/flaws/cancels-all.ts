import type { Flaw } from "../Flaw.ts"

/** A cancel is for all that are in flight. */
export default {
  hears: (message, next, worker) => {
    if (message.type === "cancel") for (const id of worker.inFlight.keys()) next({ ...message, id })
    else next(message)
  }
} satisfies Flaw
