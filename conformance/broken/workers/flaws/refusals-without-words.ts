import type { Flaw } from "../Flaw.ts"

/** Whatever the host refuses, the fetch has failed. */
export default {
  hears: (message, next) => {
    const { payload, type } = message
    const isRefusal = type === "result" && payload?.["ok"] === false
    next(isRefusal ? { ...message, payload: { ...payload, error: { message: "fetch failed" } } } : message)
  }
} satisfies Flaw
