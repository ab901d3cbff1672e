import type { Flaw } from "../Flaw.ts"

/** An answer without a body says so, in its body. */
export default {
  answers: (answer) => (answer.status === 204 ? { ...answer, body: Buffer.from("no content") } : answer)
} satisfies Flaw
