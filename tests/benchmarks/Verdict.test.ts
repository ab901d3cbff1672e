import { describe, expect, it } from "vitest"
import type { Benchmark } from "./Benchmark.ts"
import { exitCodeOf } from "./Suite.ts"
import { type Verdict, verdictOf } from "./Verdict.ts"

const benchmark = (over: Partial<Benchmark>): Benchmark => ({
  id: "S-3",
  promise: "a promise",
  unit: "ms",
  atLeast: { p50: 18, p95: 30 },
  aim: { p50: 6 },
  gated: true,
  run: () => Promise.reject(new Error("not run here")),
  ...over
})

describe("verdictOf", () => {
  const times: ReadonlyArray<readonly [number, number, Verdict]> = [
    [5, 29, "reached aim"],
    [6, 30, "reached aim"],
    [6.1, 30, "reached"],
    [18, 30, "reached"],
    [18.1, 20, "missed"],
    [5, 30.1, "missed"],
    [Number.NaN, 20, "missed"]
  ]
  for (const [p50, p95, verdict] of times) {
    it(`says ${verdict} for ${p50} / ${p95} ms`, () => {
      expect(verdictOf(benchmark({}), { figures: { p50, p95 } })).toBe(verdict)
    })
  }

  const shares: ReadonlyArray<readonly [number, Verdict]> = [
    [0.46, "reached aim"],
    [0.31, "reached"],
    [0.29, "missed"]
  ]
  for (const [share, verdict] of shares) {
    it(`says ${verdict} for a share of ${share}`, () => {
      const one = benchmark({ unit: "share", atLeast: { share: 0.3 }, aim: { share: 0.45 } })
      expect(verdictOf(one, { figures: { share } })).toBe(verdict)
    })
  }
})

describe("exitCodeOf", () => {
  const row = (verdict: Verdict | null, gated: boolean, failures = 0) => ({
    benchmark: benchmark({ gated }),
    measurement: {
      figures: { p50: 1, p95: 1 },
      rounds: [],
      ratio: 1,
      samples: { ours: 1, raw: 1 },
      details: []
    },
    failures: { count: failures, first: null },
    verdict
  })

  it("fails on a missed promise only with --gate, and only where the promise is gated", () => {
    expect(exitCodeOf([row("missed", true)], { gate: true })).toBe(1)
    expect(exitCodeOf([row("missed", true)], { gate: false })).toBe(0)
    expect(exitCodeOf([row("missed", false)], { gate: true })).toBe(0)
    expect(exitCodeOf([row("reached", true)], { gate: true })).toBe(0)
  })

  it("fails on any failed request, on a broken benchmark, and when nothing was measured", () => {
    expect(exitCodeOf([row("reached aim", false, 1)], { gate: false })).toBe(1)
    expect(
      exitCodeOf([{ benchmark: benchmark({}), failures: { count: 0, first: null }, broken: "why" }], {
        gate: false
      })
    ).toBe(1)
    expect(exitCodeOf([], { gate: false })).toBe(1)
  })
})
