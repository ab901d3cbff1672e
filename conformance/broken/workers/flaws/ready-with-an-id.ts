import type { Flaw } from "../Flaw.ts"

/** Its first message has an id. */
export default {
  says: (message, next) => next(message.type === "ready" ? { ...message, id: "ready-1" } : message)
} satisfies Flaw
