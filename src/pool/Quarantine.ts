import { quarantineCause } from "./Backoff.ts"
import type { PoolState } from "./PoolReading.ts"

/** Why a function's pool starts no workers, as people and callers are told it (R-4). */
export interface Quarantine {
  readonly cause: "starts_fail" | "crashes"
  /** So many in a row. */
  readonly failures: number
  /** How long it has lasted, in milliseconds. */
  readonly lastedMs: number
  /** Until one worker is tried again, in milliseconds; 0 where that is under way. */
  readonly waitMs: number
  /** What happened, how it last failed, and what to do. */
  readonly reason: string
}

/** The quarantine that a pool is in; null where it is in none. `last` is how a worker of it last failed. */
export const quarantineOf = (
  state: PoolState,
  name: string,
  last: string | null,
  now: number
): Quarantine | null => {
  const cause = quarantineCause(state)
  if (cause === null || state.quarantinedSince === null) return null
  const failures = cause === "crashes" ? state.crashes : state.failedStarts
  const what =
    cause === "crashes"
      ? `its workers crashed ${failures} times in a row`
      : `its workers did not start ${failures} times in a row`
  const waitMs = Math.max(0, state.backoffUntil - now)
  const next = waitMs > 0 ? `one is tried again in ${Math.ceil(waitMs / 1000)} s` : "one is being tried"
  return {
    cause,
    failures,
    lastedMs: now - state.quarantinedSince,
    waitMs,
    reason:
      `${what}${last === null ? "" : ` (the last one: ${last})`}, so the function is quarantined and ${next}; ` +
      `deploy a version that works, or end this with: bunbase fn reset ${name}`
  }
}
