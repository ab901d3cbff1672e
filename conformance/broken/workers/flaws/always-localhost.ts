import type { Flaw } from "../Flaw.ts"

/** Every origin is the same. */
export default { shows: (seen) => ({ ...seen, origin: "http://localhost" }) } satisfies Flaw
