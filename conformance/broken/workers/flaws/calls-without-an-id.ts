import type { Flaw } from "../Flaw.ts"

/** A call is nobody's. */
export default {
  says: (message, next) => next(message.type === "call" ? { ...message, id: "" } : message)
} satisfies Flaw
