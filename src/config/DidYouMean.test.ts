import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { didYouMean, editDistance } from "./DidYouMean.ts"

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

  it("suggests nothing far off", () => {
    expect(didYouMean("database", known)).toBeNull()
    expect(didYouMean("x".repeat(10_000), known)).toBeNull()
  })
})
