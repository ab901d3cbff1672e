import type { Flaw } from "../Flaw.ts"

interface Like {
  readonly status: number
  readonly body?: Bun.BodyInit
}

let odd: number | null = null

/** A number is a status. */
export default {
  gives: (value) => {
    const { body, status } = (value ?? {}) as Like
    odd = typeof status === "number" && (status < 200 || status > 599) ? status : null
    return odd === null ? value : new Response(body ?? null)
  },
  says: (message, next) => {
    const { payload, type } = message
    next(type === "response" && odd !== null ? { ...message, payload: { ...payload, status: odd } } : message)
  }
} satisfies Flaw
