import type { Flaw } from "../Flaw.ts"

/** To be told to stop is a failure. */
export default { exits: (code, next, worker) => next(worker.isStopping ? 1 : code) } satisfies Flaw
