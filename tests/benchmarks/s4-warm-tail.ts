import type { Benchmark } from "./Benchmark.ts"
import { measure, quantileMicros } from "./Rounds.ts"
import { latencyDetails, warmLatencies } from "./WarmLatency.ts"

export const warmTail: Benchmark<"p99"> = {
  id: "S-4",
  promise: "warm latency, 1 connection: p99",
  unit: "ms",
  atLeast: { p99: 2 },
  aim: { p99: 1 },
  gated: true,
  run: async (context) => {
    const result = await warmLatencies(context)
    return measure(
      result,
      (round) => {
        const [ours, raw] = [quantileMicros(round.ours, 0.99), quantileMicros(round.raw, 0.99)]
        return { figures: { p99: ours / 1000 }, ratio: ours / raw }
      },
      latencyDetails(result)
    )
  }
}
