import type { Flaw } from "../Flaw.ts"

/** A host that sends no raw address gets the root. */
export default {
  shows: (seen, { payload }) => (typeof payload["url"] === "string" ? seen : { ...seen, target: "/" })
} satisfies Flaw
