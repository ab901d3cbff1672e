import type { Flaw } from "../Flaw.ts"

/** An invocation that comes while the bundle is being loaded is lost. */
export default {
  hears: (message, next, worker) => {
    if (message.type !== "invoke" || worker.state !== "loading") next(message)
  }
} satisfies Flaw
