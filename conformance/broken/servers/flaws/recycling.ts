import { type Flaw, type Payload, problems, without } from "../Flaw.ts"
import { registrations, views } from "./lifecycle.ts"

const NO_INVOCATIONS = { ok: 0, failed: {}, cold_starts: {} }

/** What ends workers that do well, what keeps those that do not from being started, and what is said of both. */
export const recycling: Readonly<Record<string, Flaw>> = {
  // LC-065
  "workers-take-any-number": registrations((settings) => without(settings, "max_worker_invocations")),
  // LC-066
  "workers-grow-old": registrations((settings) => without(settings, "max_worker_age_seconds")),
  // LC-070
  "counts-no-invocations": views((view) => ({ ...view, invocations: NO_INVOCATIONS })),
  // GR-085
  "hides-quarantines": views((view) => ({ ...view, quarantine: null })),
  // GR-088
  "resets-nothing": {
    httpRequest: ({ headers, line }) => ({
      headers,
      line: line.replace(/^POST (\/api\/functions\/[^/ ]+)\/reset /, "GET $1 ")
    })
  },
  // ER-050
  "errors-without-a-cause": problems((problem) => without(problem, "cause")),
  // ER-051
  "errors-without-details": problems((problem) =>
    ["limit_ms", "limit_mb", "phase", "exit_code", "signal"].reduce<Payload>(without, problem)
  )
}
