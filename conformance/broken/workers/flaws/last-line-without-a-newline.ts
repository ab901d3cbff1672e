import type { Flaw } from "../Flaw.ts"

/** Takes leave, and forgets the newline. */
export default {
  hangsUp: (next, worker) => {
    const message = { id: "", type: "log", payload: { level: "info", message: "bye" } }
    worker.raw(JSON.stringify(message))
    next()
  }
} satisfies Flaw
