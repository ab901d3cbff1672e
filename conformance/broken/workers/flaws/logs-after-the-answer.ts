import type { Flaw, Message } from "../Flaw.ts"

let kept: Array<Message> = []

/** Log lines come when there is time: after the answer. */
export default {
  says: (message, next) => {
    if (message.type === "log" && message.id !== "") kept.push(message)
    else {
      next(message)
      for (const one of kept) next(one)
      kept = []
    }
  }
} satisfies Flaw
