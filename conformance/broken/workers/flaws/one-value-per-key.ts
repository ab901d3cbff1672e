import type { Flaw } from "../Flaw.ts"
import { targetOf } from "../request.ts"

/** Makes the address of path and query, also where it is there as it came. */
export default {
  shows: (seen, { payload }) => ({ ...seen, target: targetOf({ ...payload, url: undefined }) })
} satisfies Flaw
