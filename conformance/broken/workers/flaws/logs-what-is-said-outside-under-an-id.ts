import type { Flaw } from "../Flaw.ts"

/** What is said outside of any invocation has an id of its own. */
export default {
  says: (message, next) =>
    next(message.type === "log" && message.id === "" ? { ...message, id: "load" } : message)
} satisfies Flaw
