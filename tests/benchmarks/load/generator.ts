import { closedLoop } from "./closedLoop.ts"
import { echo } from "./echo.ts"
import type { LoadAnswer, LoadPlan, ReportMessage } from "./LoadPlan.ts"
import { spawnBare } from "./spawnBare.ts"

/** The load generator's process: takes a plan, carries it out, answers with a report; one at a time. */
const carryOut = (plan: LoadPlan): Promise<ReportMessage> => {
  switch (plan._tag) {
    case "ClosedLoop":
      return closedLoop(plan)
    case "Echo":
      return echo(plan)
    case "Spawn":
      return spawnBare(plan)
  }
}

const answer = (message: LoadAnswer): void => {
  process.send?.(message)
}

process.on("message", (plan: LoadPlan) => {
  carryOut(plan).then(
    (report) => answer({ _tag: "Report", report }),
    (error: unknown) =>
      answer({ _tag: "Broken", reason: error instanceof Error ? error.message : String(error) })
  )
})
// The harness is gone: so is whoever wanted the report.
process.on("disconnect", () => process.exit(0))
