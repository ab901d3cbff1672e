import type { Benchmark } from "./Benchmark.ts"
import { hello } from "./functions.ts"
import type { LoadReport, LoadTarget } from "./load/LoadPlan.ts"
import type { Subject } from "./subjects/Subject.ts"
import { interleave, measure, pooled, quantileMicros, type Side, together } from "./Rounds.ts"

/** The shortest that a function may ask for: its worker ends, and the next request finds none. */
const IDLE_SECONDS = 0.05

export const coldStartQuickJs: Benchmark<"p50" | "p95"> = {
  id: "S-6",
  promise: "QuickJS-NG cold start, request to response",
  unit: "ms",
  atLeast: { p50: 3, p95: 6 },
  aim: { p50: 1.2 },
  gated: true,
  run: async (context) => {
    const { effort, progress } = context
    // What takes the place of "raw" is the same server without its fork server.
    await using forking = await context.startSubject()
    await using starting = await context.startSubject(["--quickjs-fork-server", "off"])
    await using load = context.startLoad()
    const subjects = { ours: forking, raw: starting }
    const settings = { runtime: "quickjs-ng", idle_timeout_seconds: IDLE_SECONDS } as const
    const targets = {
      ours: await forking.deploy("cold", hello, settings),
      raw: await starting.deploy("cold", hello, settings)
    }
    await using withoutSpare = await context.startSubject(["--quickjs-spare-workers", "0"])
    const perTurn = Math.ceil(effort.coldStarts / (2 * effort.rounds))

    const coldStarts = async (subject: Subject, target: LoadTarget, count: number): Promise<LoadReport> => {
      const reports: Array<LoadReport> = []
      for (let i = 0; i < count; i += 1) {
        await subject.workersEnded("cold")
        reports.push(
          await load.run({
            _tag: "ClosedLoop",
            target,
            connections: 1,
            warmUp: { requests: 0 },
            measure: { requests: 1 }
          })
        )
      }
      return together(reports)
    }
    const turn = (side: Side): Promise<LoadReport> => coldStarts(subjects[side], targets[side], perTurn)
    const all = pooled(await interleave(effort.rounds, turn, progress))
    const forked = await coldStarts(
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
        "raw is the same without the fork server: " +
          `p50 ${millis(all.raw, 0.5).toFixed(1)} ms, p95 ${millis(all.raw, 0.95).toFixed(1)} ms`,
        `forked when called, without a spare worker: p50 ${millis([forked], 0.5).toFixed(2)} ms, p95 ${millis([forked], 0.95).toFixed(2)} ms`
      ]
    )
  }
}
