import type { Benchmark } from "./Benchmark.ts"
import { onOneCore } from "./OneCore.ts"
import { measure, median, quantileMicros, type Round } from "./Rounds.ts"
import { latencyDetails, warmLatencies } from "./WarmLatency.ts"

/**
 * Judged on one core: there the figure is the work on the way, the same to a microsecond in every run. Where the scheduler
 * puts client, server and worker on several cores, waking them weighs as much as the work, and on raw as on ours; that
 * figure is measured too, and shown.
 */
export const warmOverhead: Benchmark<"p50"> = {
  id: "S-3",
  promise: "warm overhead, 1 connection: p50 above raw",
  unit: "µs",
  atLeast: { p50: 80 },
  aim: { p50: 40 },
  gated: true,
  run: async (context) => {
    const free = await warmLatencies(context)
    return await onOneCore(async (pinned) => {
      const result = await warmLatencies(context)
      const freely = free.map((round) => overhead(round).figures.p50)
      return measure(result, overhead, [
        pinned
          ? "client, server and worker on one core"
          : "not held on one core (no taskset): expect it to vary",
        ...latencyDetails(result),
        `on cores of the scheduler's choice: ${median(freely).toFixed(1)} µs above raw, by round ` +
          freely.map((one) => one.toFixed(1)).join(", "),
        ...latencyDetails(free)
      ])
    })
  }
}

const overhead = (round: Round) => {
  const [ours, raw] = [quantileMicros(round.ours, 0.5), quantileMicros(round.raw, 0.5)]
  return { figures: { p50: ours - raw }, ratio: ours / raw }
}
