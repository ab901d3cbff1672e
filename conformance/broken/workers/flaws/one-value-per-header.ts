import type { Flaw } from "../Flaw.ts"

/** Of a repeated header the last value is left. */
export default { shows: (seen) => ({ ...seen, headers: [...new Map(seen.headers)] }) } satisfies Flaw
