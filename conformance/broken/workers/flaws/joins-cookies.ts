import type { Flaw } from "../Flaw.ts"

/** Several cookies become one header. */
export default {
  answers: (answer) => ({
    ...answer,
    headers: Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [
        name,
        typeof value === "string" ? value : value.join(", ")
      ])
    )
  })
} satisfies Flaw
