import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { didYouMean, editDistance, namesLike } from "./DidYouMean.ts"

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["port", "", 4],
    ["port", "post", 1],
    ["port", "prot", 1],
    ["http_port", "httpport", 1],
    ["kitten", "sitting", 3]
  ])("%s → %s", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
  })

  it("is symmetric, zero for the same, and never above the longer length", () => {
    const word = fc.string({ maxLength: 12 })
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b)
        expect(editDistance(b, a)).toBe(distance)
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
      })
    )
  })
})

describe("didYouMean", () => {
  const known = ["max_workers", "max_workers_total", "http_port"]

  it("finds the nearest", () => {
    expect(didYouMean("max_worker", known)).toBe("max_workers")
    expect(didYouMean("maxWorkers", known)).toBe("max_workers")
    expect(didYouMean("HTTP_PROT", known)).toBe("http_port")
  })

  it("names what says more than was written, as long as it is worth reading", () => {
    expect(namesLike("port", known)).toEqual(["http_port"])
    expect(namesLike("--workers", known)).toEqual(["max_workers", "max_workers_total"])
    expect(namesLike("max_wrokers", known)).toEqual(["max_workers"])
    expect(namesLike("a", ["a_1", "a_2", "a_3", "a_4", "a_5"])).toHaveLength(1)
    expect(namesLike("database", known)).toEqual([])
    expect(namesLike("--", known)).toEqual([])
  })

  it("suggests nothing far off", () => {
    expect(didYouMean("database", known)).toBeNull()
    expect(didYouMean("x".repeat(10_000), known)).toBeNull()
  })
})
