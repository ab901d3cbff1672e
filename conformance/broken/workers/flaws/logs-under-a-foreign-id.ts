import type { Flaw } from "../Flaw.ts"

/** Log lines belong to somebody whom nobody knows. */
export default {
  says: (message, next) =>
    next(message.type === "log" && message.id !== "" ? { ...message, id: "log-1" } : message)
} satisfies Flaw
