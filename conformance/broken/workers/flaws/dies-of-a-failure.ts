import type { Flaw } from "../Flaw.ts"

/** An invocation that fails ends it, once it is answered. */
export default {
  says: (message, next, worker) => {
    next(message)
    if (message.type === "error") worker.exit(1)
  }
} satisfies Flaw
