import type { Flaw } from "../Flaw.ts"

/** An error goes to somebody else. */
export default {
  says: (message, next) => next(message.type === "error" ? { ...message, id: `${message.id}-0` } : message)
} satisfies Flaw
