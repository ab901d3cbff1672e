import type { Flaw } from "../Flaw.ts"

/** An exception that nobody caught ends it. */
export default { settings: { catches: false } } satisfies Flaw
