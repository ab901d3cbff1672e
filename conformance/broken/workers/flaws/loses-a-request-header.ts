import type { Flaw } from "../Flaw.ts"

/** The first header is lost. */
export default { shows: (seen) => ({ ...seen, headers: seen.headers.slice(1) }) } satisfies Flaw
