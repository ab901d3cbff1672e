import type { Flaw } from "../Flaw.ts"

let said = false

/** A bundle that was sent is loaded, and nobody is told. */
export default {
  says: (message, next) => {
    if (message.type !== "ready" || !said) next(message)
    said ||= message.type === "ready"
  }
} satisfies Flaw
