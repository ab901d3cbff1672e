/** What holds workers to their memory: the kernel, by a control group of each, or looks at them at short intervals. */
export type MemoryLimitInForce =
  | { readonly by: "cgroup"; readonly version: 1 | 2 }
  /** `reason`: why there are no control groups; null where they were not wanted. */
  | { readonly by: "sampling"; readonly reason: string | null }

/** What a worker had when it was ended for its memory. */
export interface MemoryReading {
  readonly by: MemoryLimitInForce["by"]
  /** In MiB, when it was ended. */
  readonly usedMb: number
  /** In MiB, the most that was seen. */
  readonly peakMb: number
}
