import type { Flaw } from "../Flaw.ts"

/** Without a bundle it is ready, and does not say so. */
export default {
  says: (message, next, worker) => {
    if (message.type !== "ready" || worker.state !== "empty") next(message)
  }
} satisfies Flaw
