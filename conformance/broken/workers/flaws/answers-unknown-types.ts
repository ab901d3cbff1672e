import type { Flaw } from "../Flaw.ts"

const known = new Set(["invoke", "cancel", "ping", "load", "shutdown", "result"])

/** A type that it does not know is answered by an error. */
export default {
  hears: (message, next, worker) =>
    known.has(message.type) ? next(message) : worker.fail(message.id, "HANDLER_ERROR", "an unknown type")
} satisfies Flaw
