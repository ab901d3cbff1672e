import type { Flaw } from "../Flaw.ts"

/** The handler gets the path alone. */
export default {
  shows: (seen) => ({ ...seen, target: seen.target.split("?")[0] ?? "/" })
} satisfies Flaw
