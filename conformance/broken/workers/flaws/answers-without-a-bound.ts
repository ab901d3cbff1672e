import type { Flaw } from "../Flaw.ts"

/** Sends answers of any size. */
export default { settings: { longestBody: Infinity, longestAnswer: Infinity } } satisfies Flaw
