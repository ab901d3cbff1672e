import type { Flaw } from "../Flaw.ts"

/** What is logged comes out with its characters composed: `e` and an accent as one. */
export default {
  says: (message, next) => {
    const { message: text } = message.payload
    const isLine = message.type === "log" && typeof text === "string"
    next(isLine ? { ...message, payload: { ...message.payload, message: text.normalize("NFC") } } : message)
  }
} satisfies Flaw
