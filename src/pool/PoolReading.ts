import type { StartCause } from "../domain/ColdStart.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { WorkerCounts } from "../protocol/Management.ts"
import { type Backoff, isOnTrial, quarantineCause } from "./Backoff.ts"

/** The state of a pool, and what can be read off it. How it changes is in `PoolState`. */

export interface PoolLimits {
  readonly maxWorkers: number
  readonly warmWorkers: number
  /** Invocations one worker may have in flight. */
  readonly concurrency: number
  readonly idleTimeoutMs: number
  /**
   * Invocations in a worker's life, or infinity. One with isolation "invocation"; `warmWorkers` counts those that may have more.
   */
  readonly mostInvocations: number
  /** A worker that has been ready for so long is replaced; infinity: never. */
  readonly maxAgeMs: number
}

/**
 * Why a worker ends. `used`: it has had its one invocation; `recycled`: it was too old, or has had all of its many;
 * `reclaimed`: another function had fewer than its share.
 */
export type StopCause =
  | "idle"
  | "retired"
  | "late"
  | "cancelled"
  | "fault"
  | "memory"
  | "used"
  | "recycled"
  | "reclaimed"
  | "shutdown"

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
      readonly readySince: number
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
  /** What the next starts make up for: workers that were lost or recycled, and not replaced yet. */
  readonly owed: ReadonlyArray<StartCause>
}

export type ReadySlot = WorkerSlot & { readonly _tag: "Ready" }

/** Invocations that it may still be given: in a pool whose concurrency was brought down perhaps none. */
export const roomOf = (
  { inFlight, served }: ReadySlot,
  { concurrency, mostInvocations }: PoolLimits
): number => Math.max(0, Math.min(concurrency - inFlight, mostInvocations - served))

/** Has been handed all the invocations of its life. */
export const isUsed = (slot: WorkerSlot, { mostInvocations }: PoolLimits): boolean =>
  slot._tag === "Ready" && slot.served >= mostInvocations

/** Ready workers that may be given more, now or later. */
export const usable = (state: PoolState): ReadonlyArray<ReadySlot> =>
  state.workers.filter((slot): slot is ReadySlot => slot._tag === "Ready" && !isUsed(slot, state.limits))

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
  const kept = state.limits.mostInvocations === 1 ? unoccupied.length : busy + unoccupied.length
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
  const next = Math.min(
    idleEnds,
    nextRecycling(state),
    waitsForBackoff ? state.backoffUntil : Number.POSITIVE_INFINITY
  )
  return Number.isFinite(next) ? next : null
}

/** Workers that ought to be started now, were there no back-off. */
export const wanted = (state: PoolState): number => {
  const { maxWorkers, mostInvocations, warmWorkers } = state.limits
  const concurrency = Math.min(state.limits.concurrency, mostInvocations)
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
  // Where they start well and crash, the one has to show that it does well before there is another.
  const unproven = quarantineCause(state) === "crashes" ? ready : 0
  const most = isOnTrial(state) ? 1 - starting - unproven : target
  return Math.max(0, Math.min(target, most, maxWorkers - state.workers.length))
}

/** The oldest worker that may be given more, and has to be replaced one day; null where none ages, or all are to go. */
export const oldest = (state: PoolState): ReadySlot | null => {
  if (state.limits.maxAgeMs === Number.POSITIVE_INFINITY || state.phase === "retired") return null
  let found: ReadySlot | null = null
  for (const slot of usable(state)) if (found === null || slot.readySince < found.readySince) found = slot
  return found
}

/**
 * What a worker that is too old waits for before it may go. They go one at a time, so that a pool whose workers started
 * together does not lose them together; and where warm workers are kept, and there is room, its successor comes first.
 */
export const recyclingNeeds = (state: PoolState): "nothing" | "its_turn" | "a_successor" => {
  const { maxWorkers, warmWorkers } = state.limits
  const others = usable(state).length - 1
  const leaving = state.workers.filter((slot) => slot._tag === "Draining" || slot._tag === "Stopping")
  if (leaving.some(({ why }) => why === "recycled")) return "its_turn"
  if (others >= warmWorkers) return "nothing"
  if (state.workers.some((slot) => slot._tag === "Starting")) return "its_turn"
  if (state.workers.length < maxWorkers) return "a_successor"
  return leaving.length > 0 ? "its_turn" : "nothing"
}

const nextRecycling = (state: PoolState): number => {
  const slot = oldest(state)
  if (slot === null) return Number.POSITIVE_INFINITY
  const due = slot.readySince + state.limits.maxAgeMs
  const needs = recyclingNeeds(state)
  if (needs === "its_turn") return Number.POSITIVE_INFINITY
  return needs === "a_successor" ? Math.max(due, state.backoffUntil) : due
}
