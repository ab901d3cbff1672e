import type { Flaw } from "../Flaw.ts"

let told = false

/** A second shutdown is meant. */
export default {
  hears: (message, next, worker) => {
    if (message.type === "shutdown" && told) worker.exit(0)
    told ||= message.type === "shutdown"
    next(message)
  }
} satisfies Flaw
