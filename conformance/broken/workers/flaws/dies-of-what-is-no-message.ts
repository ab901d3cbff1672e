import type { Flaw, Message } from "../Flaw.ts"

/** Takes all JSON for messages. */
export default {
  parsed: (value, next, worker) => {
    try {
      next({ ...(value as Message), id: (value as Message).id.trim() })
    } catch {
      worker.exit(1)
    }
  }
} satisfies Flaw
