import type { Flaw } from "../Flaw.ts"

const seen = new Set<string>()

/** An id that was there already is passed over. */
export default {
  hears: (message, next) => {
    if (message.type === "invoke" && seen.has(message.id)) return
    if (message.type === "invoke") seen.add(message.id)
    next(message)
  }
} satisfies Flaw
