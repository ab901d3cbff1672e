import type { Flaw } from "../Flaw.ts"

/** How long it waits for something to throw away, in milliseconds. */
const PATIENCE_MS = 1_000

let isEmpty = false
let emptied = (): void => {}

/** Without a bundle, whatever is in the pipe before it is ready is thrown away. */
export default {
  reads: (chunk, next) => {
    if (isEmpty) next(chunk)
    else emptied()
  },
  says: (message, next, worker) => {
    if (isEmpty || message.type !== "ready") return next(message)
    emptied = () => {
      if (isEmpty) return
      isEmpty = true
      next(message)
    }
    if (worker.state === "empty") setTimeout(emptied, PATIENCE_MS)
    else emptied()
  }
} satisfies Flaw
