import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { brokenSchedulers } from "./broken/schedulers.ts"
import { schedulerKeepsItsGuarantees } from "./SchedulerHistories.ts"

describe("scheduler and pools under any history", () => {
  it("keep every guarantee, and nothing is left over", async () => {
    await fc.assert(schedulerKeepsItsGuarantees(80), { numRuns: 1_000 })
  })
})

describe("the model of the scheduler itself", () => {
  it.each(brokenSchedulers)("catches: $fault", async ({ breaks, parts }) => {
    const result = await fc.check(schedulerKeepsItsGuarantees(80, parts), {
      numRuns: 2_000,
      endOnFailure: true
    })
    expect(result.failed).toBe(true)
    const found = String(result.errorInstance)
    expect(
      breaks.filter((guarantee) => found.includes(guarantee)),
      found
    ).not.toEqual([])
  })
})
