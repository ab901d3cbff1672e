import type { Flaw } from "../Flaw.ts"

/** What is no answer is a text, and what is no status is 200. */
export default {
  gives: (value) => {
    if (typeof value !== "object" || value === null) return new Response(String(value))
    const { body, headers, status } = value as {
      body?: Bun.BodyInit
      headers?: Headers
      status?: number
    }
    if (typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599) return value
    return new Response(body ?? null, headers === undefined ? {} : { headers })
  }
} satisfies Flaw
