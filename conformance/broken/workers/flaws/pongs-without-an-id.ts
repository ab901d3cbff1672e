import type { Flaw } from "../Flaw.ts"

/** A pong is for everybody. */
export default {
  says: (message, next) => next(message.type === "pong" ? { ...message, id: "" } : message)
} satisfies Flaw
