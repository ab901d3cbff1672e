import type { Flaw } from "../Flaw.ts"

/** Puts something in the place of what is not UTF-8. */
export default { decodes: (line) => new TextDecoder().decode(line) } satisfies Flaw
