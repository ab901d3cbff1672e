import type { Flaw } from "../Flaw.ts"

/** Warnings are errors. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    const isWarning = type === "log" && payload["level"] === "warn"
    next(isWarning ? { ...message, payload: { ...payload, level: "error" } } : message)
  }
} satisfies Flaw
