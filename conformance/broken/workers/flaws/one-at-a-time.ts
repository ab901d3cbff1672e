import type { Flaw, Invocation } from "../Flaw.ts"

const waiting: Array<() => void> = []
let running: Invocation | null = null

/** An invocation begins when the one before is answered. */
export default {
  starts: (invocation, next) => {
    const begin = () => {
      running = invocation
      next(invocation)
    }
    if (running === null) begin()
    else waiting.push(begin)
  },
  says: (message, next) => {
    next(message)
    if (running === null || message.id !== running.id) return
    if (message.type !== "response" && message.type !== "error") return
    running = null
    waiting.shift()?.()
  }
} satisfies Flaw
