import type { Flaw, Fields } from "../Flaw.ts"

/** Takes the header Host as it is. */
export default {
  shows: (seen, { payload }) => ({
    ...seen,
    origin: `http://${String((payload["headers"] as Fields)["host"] || "localhost")}`
  })
} satisfies Flaw
