import type { Flaw } from "../Flaw.ts"

/** What succeeds is 200. */
export default {
  answers: (answer) => ({ ...answer, status: answer.status < 300 ? 200 : answer.status })
} satisfies Flaw
