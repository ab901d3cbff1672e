import type { Flaw } from "../Flaw.ts"

/** A bundle that cannot be loaded has an exit code of its own. */
export default { exits: (code, next) => next(code === 1 ? 2 : code) } satisfies Flaw
