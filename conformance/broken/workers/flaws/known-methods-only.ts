import type { Flaw } from "../Flaw.ts"

const known = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH)$/

/** A method that it does not know is a POST. */
export default {
  shows: (seen) => ({ ...seen, method: known.test(seen.method) ? seen.method : "POST" })
} satisfies Flaw
