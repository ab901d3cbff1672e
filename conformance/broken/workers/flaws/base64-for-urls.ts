import type { Flaw } from "../Flaw.ts"

/** Bodies are base64 in the alphabet for URLs. */
export default {
  says: (message, next) => {
    const { payload, type } = message
    const body = String(payload["body"]).replaceAll("+", "-").replaceAll("/", "_")
    next(type === "response" ? { ...message, payload: { ...payload, body } } : message)
  }
} satisfies Flaw
