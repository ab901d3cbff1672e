import type { Flaw } from "../Flaw.ts"

const MOST = 65_536

/** A long log line is cut, and does not say so. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    const text = String(payload["message"])
    const isCut = type === "log" && text.includes("bytes more]")
    next(isCut ? { ...message, payload: { ...payload, message: text.slice(0, MOST - 200) } } : message)
  }
} satisfies Flaw
