import type { Flaw } from "../Flaw.ts"

let last = ""

/** Each log line belongs to the invocation that began last. */
export default {
  starts: (invocation, next) => {
    last = invocation.id
    next(invocation)
  },
  says: (message, next) =>
    next(message.type === "log" && message.id !== "" ? { ...message, id: last } : message)
} satisfies Flaw
