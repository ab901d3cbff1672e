import type { Flaw } from "../Flaw.ts"

/** Log lines have levels that the protocol has not. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    next(
      type === "log"
        ? { ...message, payload: { ...payload, level: `${String(payload["level"])}!` } }
        : message
    )
  }
} satisfies Flaw
