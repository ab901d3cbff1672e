import type { Flaw } from "../Flaw.ts"

/** The handler sees a path without percent signs. */
export default {
  shows: (seen) => {
    try {
      return { ...seen, target: decodeURIComponent(seen.target) }
    } catch {
      return seen
    }
  }
} satisfies Flaw
