import type { Flaw } from "../Flaw.ts"

/** What has not begun cannot be cancelled. */
export default {
  hears: (message, next, worker) => {
    if (message.type !== "cancel" || worker.state !== "loading") next(message)
  }
} satisfies Flaw
