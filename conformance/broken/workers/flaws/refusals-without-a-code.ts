import type { Fields, Flaw } from "../Flaw.ts"

/** Of a refusal only the words are left. */
export default {
  hears: (message, next) => {
    const { payload, type } = message
    if (type !== "result" || payload?.["ok"] !== false) return next(message)
    const { code: _, ...error } = (payload["error"] ?? {}) as Fields
    next({ ...message, payload: { ...payload, error } })
  }
} satisfies Flaw
