import type { Flaw } from "../Flaw.ts"

/** Whatever the reason is, it ends with 0. */
export default { exits: (_, next) => next(0) } satisfies Flaw
