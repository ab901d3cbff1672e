import type { Target } from "../domain/Invocation.ts"
import type { PoolLimits } from "./PoolState.ts"

/** The limits of a target's pool. */
export const poolLimits = ({ isolation, limits }: Target): PoolLimits => ({
  concurrency: limits.concurrency,
  maxWorkers: limits.max_workers,
  warmWorkers: Math.min(limits.warm_workers, limits.max_workers),
  idleTimeoutMs: limits.idle_timeout_seconds * 1000,
  mostInvocations: isolation === "invocation" ? 1 : limits.max_worker_invocations || Number.POSITIVE_INFINITY,
  maxAgeMs: limits.max_worker_age_seconds * 1000 || Number.POSITIVE_INFINITY
})
