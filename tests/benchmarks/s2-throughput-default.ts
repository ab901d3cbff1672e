import type { Benchmark } from "./Benchmark.ts"
import { measureShare } from "./Throughput.ts"

export const throughputDefault: Benchmark<"share"> = {
  id: "S-2",
  promise: "throughput, 32 connections, one invocation at a time per worker: share of raw",
  unit: "share",
  atLeast: { share: 0.13 },
  aim: { share: 0.2 },
  gated: false,
  // What nobody has tuned: the server's default pool, with as many workers as it thinks right.
  run: (context) => measureShare(context, { concurrency: 1 })
}
