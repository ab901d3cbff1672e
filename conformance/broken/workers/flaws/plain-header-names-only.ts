import type { Flaw } from "../Flaw.ts"

/** A name that has more than letters, digits and dashes is taken for none. */
export default {
  shows: (seen) => ({ ...seen, headers: seen.headers.filter(([name]) => /^[\w-]+$/.test(name)) })
} satisfies Flaw
