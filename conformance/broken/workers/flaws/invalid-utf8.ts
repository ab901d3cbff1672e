import type { Flaw } from "../Flaw.ts"

/** Lines are Latin-1. */
export default { writes: (line, next) => next(Buffer.from(String(line), "latin1")) } satisfies Flaw
