import type { WorkerId } from "../domain/Ids.ts"
import type { WorkerCounts } from "../protocol/Management.ts"
import type { Backoff } from "./Backoff.ts"

/** The state of a pool, and what can be read off it. How it changes is in `PoolState`. */

export interface PoolLimits {
  readonly maxWorkers: number
  readonly warmWorkers: number
  /** Invocations one worker may have in flight. */
  readonly concurrency: number
  readonly idleTimeoutMs: number
  /** A worker has one invocation in its life (isolation "invocation"); `warmWorkers` then counts those that wait for theirs. */
  readonly singleUse: boolean
}

/** Why a worker was started: what a cold start's record says. */
export type StartCause = "first" | "scale_up" | "warm" | "after_crash" | "deploy"

/** Why a worker ends. */
export type StopCause = "idle" | "retired" | "late" | "cancelled" | "fault" | "memory" | "used" | "shutdown"

export type WorkerSlot =
  | { readonly _tag: "Starting"; readonly id: WorkerId; readonly cause: StartCause; readonly since: number }
  | {
      readonly _tag: "Ready"
      readonly id: WorkerId
      readonly cause: StartCause
      readonly inFlight: number
      /** Invocations handed to it so far. */
      readonly served: number
      /** Since when it has had no work; the instant it got ready, at first. */
      readonly idleSince: number
    }
  /** Takes nothing new; ends once what it has is done. */
  | { readonly _tag: "Draining"; readonly id: WorkerId; readonly why: StopCause; readonly inFlight: number }
  /** Was told to end; its exit is awaited. */
  | { readonly _tag: "Stopping"; readonly id: WorkerId; readonly why: StopCause }

export interface PoolState extends Backoff {
  /** Before each worker's serial, so that ids are unique on the server. */
  readonly prefix: string
  /** `retired`: another version took over; what waits here is still served, then every worker ends. */
  readonly phase: "open" | "retired"
  readonly limits: PoolLimits
  readonly workers: ReadonlyArray<WorkerSlot>
  /** Invocations that wait for this pool, as the scheduler last said. */
  readonly demand: number
  readonly started: number
}

export type ReadySlot = WorkerSlot & { readonly _tag: "Ready" }

/** Invocations that it may still be given: in a pool whose concurrency was brought down perhaps none. */
export const roomOf = ({ inFlight, served }: ReadySlot, { concurrency, singleUse }: PoolLimits): number =>
  singleUse ? (served === 0 ? 1 : 0) : Math.max(0, concurrency - inFlight)

/** Has had its one invocation. */
export const isUsed = (slot: WorkerSlot, { singleUse }: PoolLimits): boolean =>
  singleUse && slot._tag === "Ready" && slot.served > 0

/**
 * The worker to give the next invocation: the least loaded; of equals the one that worked last, so that the others get
 * old enough to end. Null when none has room.
 */
export const choose = (state: PoolState): WorkerId | null => {
  let best: ReadySlot | null = null
  for (const slot of state.workers) {
    if (slot._tag !== "Ready" || roomOf(slot, state.limits) === 0) continue
    if (
      best === null ||
      slot.inFlight < best.inFlight ||
      (slot.inFlight === best.inFlight && slot.idleSince > best.idleSince)
    ) {
      best = slot
    }
  }
  return best === null ? null : best.id
}

/** Workers by state, as users see them. */
export const counts = (state: PoolState, now: number): WorkerCounts => {
  let starting = 0
  let busy = 0
  let draining = 0
  const unoccupied: Array<number> = []
  for (const slot of state.workers) {
    if (slot._tag === "Starting") starting += 1
    else if (slot._tag !== "Ready") draining += 1
    else if (slot.inFlight > 0) busy += 1
    else unoccupied.push(slot.idleSince)
  }
  // Half of its idle time-out gone, a worker beyond the warm count is on its way out: IDLE. Before that it is WARM.
  const kept = state.limits.singleUse ? unoccupied.length : busy + unoccupied.length
  const surplus = Math.max(0, kept - state.limits.warmWorkers)
  const old = unoccupied.filter((since) => now - since >= state.limits.idleTimeoutMs / 2).length
  const idle = Math.min(surplus, old)
  return { starting, warm: unoccupied.length - idle, busy, idle, draining }
}

/** When `Tick` next has something to do, or null. */
export const nextTick = (state: PoolState): number | null => {
  let ready = 0
  let oldest = Number.POSITIVE_INFINITY
  for (const slot of state.workers) {
    if (slot._tag !== "Ready" || isUsed(slot, state.limits)) continue
    ready += 1
    if (slot.inFlight === 0 && slot.idleSince < oldest) oldest = slot.idleSince
  }
  const idleEnds =
    ready > state.limits.warmWorkers && oldest !== Number.POSITIVE_INFINITY
      ? oldest + state.limits.idleTimeoutMs
      : Number.POSITIVE_INFINITY
  // Without a back-off whatever is wanted is started by the event that brings it about, not by a tick.
  const waitsForBackoff = Number.isFinite(state.backoffUntil) && wanted(state) > 0
  const next = Math.min(idleEnds, waitsForBackoff ? state.backoffUntil : Number.POSITIVE_INFINITY)
  return Number.isFinite(next) ? next : null
}

/** Workers that ought to be started now, were there no back-off. */
export const wanted = (state: PoolState): number => {
  const { maxWorkers, singleUse, warmWorkers } = state.limits
  const concurrency = singleUse ? 1 : state.limits.concurrency
  let starting = 0
  let ready = 0
  let room = 0
  for (const slot of state.workers) {
    if (slot._tag === "Starting") starting += 1
    else if (slot._tag === "Ready") {
      ready += isUsed(slot, state.limits) ? 0 : 1
      room += roomOf(slot, state.limits)
    }
  }
  // Starts are shared: those under way count for the demand that is there.
  const unmet = Math.ceil(Math.max(0, state.demand - room) / concurrency)
  const warm = state.phase === "open" ? warmWorkers : 0
  const target = Math.max(unmet - starting, warm - ready - starting)
  return Math.max(0, Math.min(target, maxWorkers - state.workers.length))
}
