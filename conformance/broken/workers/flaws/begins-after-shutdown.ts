import type { Flaw } from "../Flaw.ts"

/** What comes after a shutdown begins, as long as there is something in flight. */
export default {
  hears: (message, next, worker) => {
    const isStopping = worker.isStopping
    if (message.type === "invoke") worker.isStopping = false
    next(message)
    if (isStopping) worker.isStopping = true
  }
} satisfies Flaw
