import type { Flaw } from "../Flaw.ts"

/** Log lines belong to nobody. */
export default {
  says: (message, next) => next(message.type === "log" ? { ...message, id: "" } : message)
} satisfies Flaw
