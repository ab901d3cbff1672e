import type { Flaw } from "../Flaw.ts"

/** Takes lines of any length. */
export default { settings: { longestLine: Infinity } } satisfies Flaw
