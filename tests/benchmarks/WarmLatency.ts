import type { BenchmarkContext } from "./Benchmark.ts"
import { hello } from "./functions.ts"
import { interleave, pooled, quantileMicros, type Round } from "./Rounds.ts"

/** Latencies of a warm hello-world function with default settings, and of raw, over one connection. */
export const warmLatencies = async (context: BenchmarkContext): Promise<ReadonlyArray<Round>> => {
  await using subject = await context.startSubject()
  await using raw = await context.startRaw("hello")
  await using load = context.startLoad()
  const targets = { raw: raw.target, ours: await subject.deploy("hello", hello, {}) }
  const { rounds, warmUpRequests, windowRequests } = context.effort
  return await interleave(
    rounds,
    (side) =>
      load.run({
        _tag: "ClosedLoop",
        target: targets[side],
        connections: 1,
        warmUp: { requests: warmUpRequests },
        measure: { requests: windowRequests }
      }),
    context.progress
  )
}

/** Quantiles of both sides over all rounds, for the eye. */
export const latencyDetails = (rounds: ReadonlyArray<Round>): ReadonlyArray<string> => {
  const all = pooled(rounds)
  const line = (side: keyof Round): string => {
    const at = (share: number): string => quantileMicros(all[side], share).toFixed(1)
    return `${side}: p50 ${at(0.5)} µs, p90 ${at(0.9)} µs, p99 ${at(0.99)} µs, p99.9 ${at(0.999)} µs, most ${at(1)} µs`
  }
  return [line("ours"), line("raw")]
}
