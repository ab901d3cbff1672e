import type { Benchmark } from "./Benchmark.ts"
import { echo } from "./functions.ts"
import { interleave, measure, pooled, quantileMicros, type Round } from "./Rounds.ts"

/** The largest body that the server takes by default. */
const BYTES = 10 * 1024 * 1024

export const largeBody: Benchmark<"p50"> = {
  id: "S-9",
  promise: "10 MB in and out, byte for byte: p50",
  unit: "ms",
  atLeast: { p50: 250 },
  aim: { p50: 100 },
  gated: true,
  run: async (context) => {
    const { effort, progress, seed } = context
    await using subject = await context.startSubject()
    await using load = context.startLoad()
    await using raw = await context.startRaw("echo")
    const targets = { raw: raw.target, ours: await subject.deploy("echo", echo, {}) }
    let turns = 0
    const rounds = await interleave(
      effort.rounds,
      (side) =>
        load.run({
          _tag: "Echo",
          target: targets[side],
          bytes: BYTES,
          warmUpRequests: 1,
          requests: Math.ceil(effort.largeBodies / (2 * effort.rounds)),
          // Other bytes in every turn, the same in every run with this seed.
          seed: seed + (turns += 1)
        }),
      progress
    )
    const all = pooled(rounds)
    const millis = (side: keyof Round, share: number): number => quantileMicros(all[side], share) / 1000
    return measure(
      [all],
      () => ({ figures: { p50: millis("ours", 0.5) }, ratio: millis("ours", 0.5) / millis("raw", 0.5) }),
      [
        `least ${millis("ours", 0).toFixed(1)} ms, most ${millis("ours", 1).toFixed(1)} ms`,
        `raw, echoing too: p50 ${millis("raw", 0.5).toFixed(1)} ms, most ${millis("raw", 1).toFixed(1)} ms`
      ]
    )
  }
}
