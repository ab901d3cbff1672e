import type { Benchmark } from "./Benchmark.ts"
import { measureShare } from "./Throughput.ts"

export const throughputMultiplexed: Benchmark<"share"> = {
  id: "S-1",
  promise: "throughput, 32 connections, multiplexed worker: share of raw",
  unit: "share",
  atLeast: { share: 0.3 },
  aim: { share: 0.45 },
  gated: false,
  // One worker takes all 32 at once; a second could only fight for the same cores.
  run: (context) => measureShare(context, { concurrency: 64, max_workers: 1 })
}
