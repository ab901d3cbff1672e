import type { Fields, Flaw } from "../Flaw.ts"

/** The invocation's id is what the client says. */
export default {
  shows: (seen, { payload }) => {
    const sent = (payload["headers"] as Fields)["x-invocation-id"]
    const others = seen.headers.filter(([name]) => name !== "x-invocation-id")
    return typeof sent === "string" ? { ...seen, headers: [...others, ["x-invocation-id", sent]] } : seen
  }
} satisfies Flaw
