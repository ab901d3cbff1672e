import type { Flaw } from "../Flaw.ts"

/** A result is for the call that waits longest. */
export default {
  hears: (message, next, worker) => {
    const [first] = worker.calls.keys()
    const isResult = message.type === "result" && first !== undefined
    next(isResult ? { ...message, payload: { ...message.payload, call_id: first } } : message)
  }
} satisfies Flaw
