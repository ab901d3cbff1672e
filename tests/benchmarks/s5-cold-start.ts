import type { Benchmark } from "./Benchmark.ts"
import { hello } from "./functions.ts"
import type { LoadReport, LoadTarget } from "./load/LoadPlan.ts"
import { interleave, measure, pooled, quantileMicros, together } from "./Rounds.ts"
import type { Subject } from "./subjects/Subject.ts"

/** The shortest that a function may ask for: its worker ends, and the next request finds none. */
const IDLE_SECONDS = 0.05

export const coldStart: Benchmark<"p50" | "p95"> = {
  id: "S-5",
  promise: "Bun cold start, request to response",
  unit: "ms",
  atLeast: { p50: 18, p95: 30 },
  aim: { p50: 6 },
  gated: true,
  run: async (context) => {
    const { effort, progress } = context
    await using subject = await context.startSubject()
    await using load = context.startLoad()
    await using withoutSpare = await context.startSubject(["--bun-spare-workers", "0"])
    const settings = { idle_timeout_seconds: IDLE_SECONDS }
    const target = await subject.deploy("cold", hello, settings)
    const perTurn = Math.ceil(effort.coldStarts / (2 * effort.rounds))

    const coldRequests = async (from: Subject, to: LoadTarget, count: number): Promise<LoadReport> => {
      const reports: Array<LoadReport> = []
      for (let i = 0; i < count; i += 1) {
        await from.workersEnded("cold")
        reports.push(
          await load.run({
            _tag: "ClosedLoop",
            target: to,
            connections: 1,
            warmUp: { requests: 0 },
            measure: { requests: 1 }
          })
        )
      }
      return together(reports)
    }

    // A bare `Bun.serve` has no cold start. What a cold start cannot do without is a Bun process: that is its "raw".
    const rounds = await interleave(
      effort.rounds,
      (side) =>
        side === "ours"
          ? coldRequests(subject, target, perTurn)
          : load.run({ _tag: "Spawn", times: perTurn }),
      progress
    )
    const all = pooled(rounds)
    const booted = await coldRequests(
      withoutSpare,
      await withoutSpare.deploy("cold", hello, settings),
      effort.coldStarts
    )
    const millis = (reports: ReadonlyArray<LoadReport>, share: number): number =>
      quantileMicros(reports, share) / 1000

    return measure(
      [all],
      ({ ours, raw }) => ({
        figures: { p50: millis(ours, 0.5), p95: millis(ours, 0.95) },
        ratio: millis(ours, 0.5) / millis(raw, 0.5)
      }),
      [
        `least ${millis(all.ours, 0).toFixed(1)} ms, most ${millis(all.ours, 1).toFixed(1)} ms`,
        "raw is a bare Bun process, spawn to first byte: " +
          `p50 ${millis(all.raw, 0.5).toFixed(1)} ms, p95 ${millis(all.raw, 0.95).toFixed(1)} ms`,
        `booted when called, without a spare process: p50 ${millis([booted], 0.5).toFixed(1)} ms, p95 ${millis([booted], 0.95).toFixed(1)} ms`
      ]
    )
  }
}
