import type { Flaw } from "../Flaw.ts"

const known = new Set(["invoke", "cancel", "ping", "load", "shutdown", "result"])

/** A type that it does not know ends it. */
export default {
  hears: (message, next, worker) => (known.has(message.type) ? next(message) : worker.exit(70))
} satisfies Flaw
