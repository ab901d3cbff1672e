import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Histogram } from "./load/Histogram.ts"
import type { LoadReport } from "./load/LoadPlan.ts"
import {
  interleave,
  measure,
  median,
  pooled,
  quantileMicros,
  type Side,
  throughput,
  together
} from "./Rounds.ts"

const report = (latencies: ReadonlyArray<number>, seconds = 1, failures = 0): LoadReport => {
  const histogram = new Histogram()
  for (const micros of latencies) histogram.record(micros * 1000)
  return {
    histogram,
    seconds,
    failures,
    firstFailure: failures === 0 ? null : `failed ${failures}`,
    generatorCpu: 0.5
  }
}

describe("interleave", () => {
  it("gives both sides as many turns, mirrored, so that an even drift cancels out", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 10 }), async (count) => {
        const order: Array<Side> = []
        const rounds = await interleave(
          count,
          async (side) => {
            order.push(side)
            // Every turn is slower than the one before, whoever's it is.
            return report([order.length])
          },
          () => {}
        )
        expect(order.slice(0, 2)).toEqual(["raw", "ours"])
        expect(order.length).toBe(2 + 4 * count)
        expect(rounds.length).toBe(count)
        for (const { ours, raw } of rounds) {
          expect([ours.length, raw.length]).toEqual([2, 2])
          const place = (reports: ReadonlyArray<LoadReport>) =>
            reports.reduce((total, one) => total + one.histogram.quantile(1), 0)
          expect(place(ours)).toBe(place(raw))
        }
      })
    )
  })
})

describe("measure", () => {
  const look = (round: { ours: ReadonlyArray<LoadReport>; raw: ReadonlyArray<LoadReport> }) => {
    const [ours, raw] = [quantileMicros(round.ours, 1), quantileMicros(round.raw, 1)]
    return { figures: { most: ours - raw }, ratio: ours / raw }
  }
  const rounds = [
    { raw: [report([10])], ours: [report([20])] },
    { raw: [report([10])], ours: [report([500])] },
    { raw: [report([10, 10])], ours: [report([40])] }
  ]

  it("takes medians over the rounds: one bad round does not move the figure", () => {
    const { figures, ratio, samples } = measure(rounds, look, [])
    expect(figures).toEqual({ most: 30 })
    expect(ratio).toBe(4)
    expect(samples).toEqual({ ours: 3, raw: 4 })
  })

  it("can look at all rounds as one", () => {
    const { figures, rounds: seen } = measure([pooled(rounds)], look, [])
    expect(seen.length).toBe(1)
    expect(figures).toEqual({ most: 490 })
  })
})

describe("together", () => {
  it("adds up what belongs to one turn, failures included", () => {
    const { failures, firstFailure, histogram, seconds } = together([
      report([1]),
      report([2], 1, 2),
      report([3], 1, 1)
    ])
    expect({ failures, firstFailure, seconds }).toEqual({ failures: 3, firstFailure: "failed 2", seconds: 3 })
    expect(histogram.total).toBe(3)
  })
})

describe("throughput", () => {
  it("weighs each turn by its time", () => {
    expect(throughput([report([1, 1, 1, 1], 1), report([1, 1], 2)])).toBe(2)
  })
})

describe("median", () => {
  it("is in the middle", () => {
    expect(median([])).toBeNaN()
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values)
        const below = values.filter((value) => value < middle).length
        const above = values.filter((value) => value > middle).length
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2)
      })
    )
  })
})
