import type { Flaw } from "../Flaw.ts"

/** Takes lines of 16 MiB at most, and ends at longer ones. */
export default { settings: { longestLine: 16 * 1024 * 1024 } } satisfies Flaw
