import type { Flaw } from "../Flaw.ts"

/** Takes the body of a request for text. */
export default {
  shows: (seen) => ({ ...seen, body: seen.body && Buffer.from(new TextDecoder().decode(seen.body)) })
} satisfies Flaw
