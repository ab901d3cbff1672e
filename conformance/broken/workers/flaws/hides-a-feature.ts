import type { Flaw } from "../Flaw.ts"

/** Answers pings, and does not say so. */
export default { settings: { features: ["concurrency", "cancel", "load", "call"] } } satisfies Flaw
