import type { Flaw, Message } from "../Flaw.ts"

const kept: Array<Message> = []

/** Log lines wait until the event loop turns, or the answer goes. */
export default {
  says: (message, next) => {
    const flush = () => {
      for (const one of kept.splice(0)) next(one)
    }
    if (message.type === "log") {
      kept.push(message)
      setTimeout(flush)
    } else {
      flush()
      next(message)
    }
  }
} satisfies Flaw
