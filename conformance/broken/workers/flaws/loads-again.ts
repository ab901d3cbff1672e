import type { Flaw } from "../Flaw.ts"

/** A second bundle takes the place of the first one. */
export default {
  hears: (message, next, worker) => {
    if (message.type === "load") worker.state = "empty"
    next(message)
  }
} satisfies Flaw
