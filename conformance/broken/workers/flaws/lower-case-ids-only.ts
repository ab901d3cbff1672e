import type { Fields, Flaw } from "../Flaw.ts"

/** Replaces a header of the client's with the invocation's id where its name is in lower case. */
export default {
  shows: (seen, { payload }) => {
    const forged = Object.entries((payload["headers"] ?? {}) as Fields).flatMap(([name, value]) =>
      name !== "x-invocation-id" && name.toLowerCase() === "x-invocation-id"
        ? [[name, String(value)] as const]
        : []
    )
    return { ...seen, headers: [...forged, ...seen.headers] }
  }
} satisfies Flaw
