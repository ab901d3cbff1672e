import type { Flaw } from "../Flaw.ts"

/** Announces a version that there is not. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    next(type === "ready" ? { ...message, payload: { ...payload, protocol: "1.9" } } : message)
  }
} satisfies Flaw
