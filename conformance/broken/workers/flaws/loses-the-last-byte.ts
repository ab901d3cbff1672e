import type { Flaw } from "../Flaw.ts"

/** The body's last byte is lost. */
export default { answers: (answer) => ({ ...answer, body: answer.body.slice(0, -1) }) } satisfies Flaw
