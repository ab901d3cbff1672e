import type { Flaw } from "../Flaw.ts"

/** Headers of more than 20 characters are lost. */
export default {
  answers: (answer) => ({
    ...answer,
    headers: Object.fromEntries(
      Object.entries(answer.headers).filter(([name, value]) => name.length + value.length < 20)
    )
  })
} satisfies Flaw
