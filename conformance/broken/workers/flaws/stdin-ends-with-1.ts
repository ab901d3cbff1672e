import type { Flaw } from "../Flaw.ts"

/** The end of stdin is a failure. */
export default { hangsUp: (_, worker) => worker.exit(1) } satisfies Flaw
