import type { Flaw, Message } from "../Flaw.ts"

const kept: Array<Message> = []

/** An invocation without a bundle waits for one. */
export default {
  hears: (message, next, worker) => {
    if (message.type === "invoke" && worker.state === "empty") kept.push(message)
    else {
      next(message)
      if (message.type === "load") for (const one of kept.splice(0)) next(one)
    }
  }
} satisfies Flaw
