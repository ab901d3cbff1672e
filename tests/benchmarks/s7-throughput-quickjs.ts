import type { Benchmark } from "./Benchmark.ts"
import { measureShare } from "./Throughput.ts"

export const throughputQuickJs: Benchmark<"share"> = {
  id: "S-7",
  promise: "QuickJS-NG throughput, 32 connections: share of raw",
  unit: "share",
  atLeast: { share: 0.1 },
  aim: { share: 0.25 },
  gated: false,
  // As S-1: one worker takes all 32 at once; a second could only fight for the same cores.
  run: (context) => measureShare(context, { runtime: "quickjs-ng", concurrency: 64, max_workers: 1 })
}
