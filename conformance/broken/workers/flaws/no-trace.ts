import type { Flaw } from "../Flaw.ts"

/** The handler does not see where it is traced. */
export default {
  shows: (seen) => ({ ...seen, headers: seen.headers.filter(([name]) => name !== "traceparent") })
} satisfies Flaw
