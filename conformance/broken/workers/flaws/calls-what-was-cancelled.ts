import type { Flaw, Message } from "../Flaw.ts"

const cancelled = new Map<string, Message>()
const kept = new Map<string, Message>()

/** What was cancelled before it began is answered, and begins all the same. */
export default {
  hears: (message, next, worker) => {
    const { id, type } = message
    if (type === "invoke" && worker.state === "loading") kept.set(id, message)
    const first = kept.get(id)
    next(message)
    if (type !== "cancel" || worker.state !== "loading" || first === undefined) return
    cancelled.set(id, first)
    next(first)
  },
  says: (message, next) => {
    const { id, type } = message
    const isAnswer = type === "response" || type === "error"
    const isSecond = isAnswer && cancelled.has(id) && message.payload["code"] !== "CANCELLED"
    if (!isSecond) next(message)
  }
} satisfies Flaw
