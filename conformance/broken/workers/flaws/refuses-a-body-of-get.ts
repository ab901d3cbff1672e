import type { Flaw } from "../Flaw.ts"

/** A GET with a body costs the invocation. */
export default {
  shows: (seen) => {
    if ((seen.method === "GET" || seen.method === "HEAD") && seen.body !== null)
      throw new TypeError("this method has no body")
    return seen
  }
} satisfies Flaw
