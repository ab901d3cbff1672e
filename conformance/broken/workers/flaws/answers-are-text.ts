import type { Flaw } from "../Flaw.ts"

/** Takes the body of an answer for text. */
export default {
  answers: (answer) => ({ ...answer, body: Buffer.from(new TextDecoder().decode(answer.body)) })
} satisfies Flaw
