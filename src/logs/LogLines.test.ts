import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { dayOf, timeOf } from "./LogLines.ts"

describe("timeOf and dayOf", () => {
  it("are what the platform says, in any order of instants", () => {
    const near = Date.UTC(2026, 0, 27)
    const instant = fc.oneof(
      fc.integer({ min: near - 3000, max: near + 3000 }),
      fc
        .date({ noInvalidDate: true, min: new Date(-1e12), max: new Date(8e12) })
        .map((date) => date.getTime())
    )
    fc.assert(
      fc.property(fc.array(instant, { maxLength: 20 }), (instants) => {
        for (const at of instants) {
          expect(timeOf(at)).toBe(new Date(at).toISOString())
          expect(dayOf(at)).toBe(new Date(at).toISOString().slice(0, 10))
        }
      })
    )
  })

  it("takes instants between two milliseconds", () => {
    expect(timeOf(Date.UTC(2026, 0, 27) + 7.9)).toBe("2026-01-27T00:00:00.007Z")
  })
})
