import type { Benchmark } from "./Benchmark.ts"
import { hello } from "./functions.ts"
import { latencyDetails } from "./WarmLatency.ts"
import { interleave, measure, median, quantileMicros, type Round, throughput } from "./Rounds.ts"

/** What a worker of its own for each call costs: what takes the place of "raw" is the same function with isolation `worker`. */
export const isolation: Benchmark<"p50"> = {
  id: "S-6b",
  promise: "QuickJS-NG, each call in a worker of its own: p50",
  unit: "ms",
  // no promise is made of it: the bound of the p95 of S-6, one start of a worker
  atLeast: { p50: 6 },
  aim: {},
  gated: false,
  run: async (context) => {
    const { effort, progress } = context
    await using subject = await context.startSubject()
    await using load = context.startLoad()
    const settings = { runtime: "quickjs-ng" } as const
    const targets = {
      ours: await subject.deploy("fresh", hello, { ...settings, isolation: "invocation" }),
      raw: await subject.deploy("shared", hello, settings)
    }
    const rounds = await interleave(
      effort.rounds,
      (side) =>
        load.run({
          _tag: "ClosedLoop",
          target: targets[side],
          connections: 1,
          warmUp: { seconds: effort.warmUpSeconds },
          measure: { seconds: effort.windowSeconds }
        }),
      progress
    )
    const perSecond = (side: keyof Round): string =>
      Math.round(median(rounds.map((round) => throughput(round[side])))).toLocaleString("en")
    return measure(
      rounds,
      (round) => {
        const [ours, raw] = [quantileMicros(round.ours, 0.5), quantileMicros(round.raw, 0.5)]
        return { figures: { p50: ours / 1000 }, ratio: ours / raw }
      },
      [
        `${perSecond("ours")} requests/s over one connection, with a shared worker (raw) ${perSecond("raw")}`,
        ...latencyDetails(rounds)
      ]
    )
  }
}
