import type { Flaw, Message } from "../Flaw.ts"

let ready: Message | undefined

/** It is ready again after each answer. */
export default {
  says: (message, next) => {
    next(message)
    if (message.type === "ready") ready = message
    if (message.type === "response" && ready !== undefined) next(ready)
  }
} satisfies Flaw
