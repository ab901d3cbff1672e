import * as fc from "fast-check"
import { describe, it } from "vitest"
import { schedulerKeepsItsGuarantees } from "./SchedulerHistories.ts"

describe("scheduler and pools under any history", () => {
  it("keep every guarantee, and nothing is left over", async () => {
    await fc.assert(schedulerKeepsItsGuarantees(80), { numRuns: 1_000 })
  })
})
