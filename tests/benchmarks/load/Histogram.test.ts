import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Histogram } from "./Histogram.ts"

/** Spread over all magnitudes: a uniform draw would hardly ever be below a second. */
const nanoseconds = fc
  .tuple(fc.integer({ min: 0, max: 53 }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([bits, part]) => Math.min(Number.MAX_SAFE_INTEGER, Math.floor(part * 2 ** bits)))
const samples = fc.array(nanoseconds, { minLength: 1, maxLength: 300 })
const share = fc.double({ min: 0, max: 1, noNaN: true })

const of = (values: ReadonlyArray<number>): Histogram => {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

const nearestRank = (values: ReadonlyArray<number>, wanted: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(wanted * sorted.length)) - 1] as number
}

describe("Histogram", () => {
  it("gives every quantile within 1 % of the exact one", () => {
    fc.assert(
      fc.property(samples, share, (values, wanted) => {
        const exact = nearestRank(values, wanted)
        expect(Math.abs(of(values).quantile(wanted) - exact)).toBeLessThanOrEqual(exact * 0.01)
      }),
      { numRuns: 1000 }
    )
  })

  it("gives the extremes and everything below 256 ns exactly", () => {
    fc.assert(
      fc.property(samples, (values) => {
        expect(of(values).quantile(1)).toBe(Math.max(...values))
      })
    )
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1 }), share, (values, wanted) => {
        expect(of(values).quantile(wanted)).toBe(nearestRank(values, wanted))
      })
    )
  })

  it("has quantiles that never fall and stay within what was recorded", () => {
    fc.assert(
      fc.property(samples, share, share, (values, a, b) => {
        const histogram = of(values)
        const [low, high] = [histogram.quantile(Math.min(a, b)), histogram.quantile(Math.max(a, b))]
        expect(low).toBeLessThanOrEqual(high)
        expect(low).toBeGreaterThanOrEqual(Math.min(...values))
        expect(high).toBeLessThanOrEqual(Math.max(...values))
      })
    )
  })

  it("merges to what recording everything in one would have given, in any grouping", () => {
    fc.assert(
      fc.property(fc.array(samples, { maxLength: 5 }), (groups) => {
        const together = of(groups.flat()).toData()
        expect(Histogram.merged(groups.map(of)).toData()).toEqual(together)
        expect(Histogram.merged(groups.map(of).reverse()).toData()).toEqual(together)
      })
    )
  })

  it("survives the way through JSON", () => {
    fc.assert(
      fc.property(fc.array(nanoseconds), share, (values, wanted) => {
        const before = of(values)
        const after = Histogram.from(JSON.parse(JSON.stringify(before.toData())))
        expect(after.toData()).toEqual(before.toData())
        expect(after.total).toBe(values.length)
        expect(after.quantile(wanted)).toEqual(before.quantile(wanted))
      })
    )
  })

  it("knows that nothing was recorded", () => {
    expect(new Histogram().quantile(0.5)).toBeNaN()
    expect(Histogram.merged([]).total).toBe(0)
    expect(() => Histogram.from({ buckets: [[1e9, 1]], min: 1, max: 1 })).toThrow(RangeError)
  })
})
