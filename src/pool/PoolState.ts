import type { StartCause } from "../domain/ColdStart.ts"
import type { WorkerId } from "../domain/Ids.ts"
import { crashed, invocationWentWell, NO_BACKOFF, startFailed, startSucceeded } from "./Backoff.ts"
import {
  isUsed,
  oldest,
  type PoolLimits,
  type PoolState,
  type ReadySlot,
  recyclingNeeds,
  type StopCause,
  usable,
  wanted,
  type WorkerSlot
} from "./PoolReading.ts"

export { choose, counts, nextTick } from "./PoolReading.ts"
export type { PoolLimits, PoolState, StopCause, WorkerSlot } from "./PoolReading.ts"

/**
 * The pool of one function version as a value. `transition` is pure: it takes a state, an event and the instant, and
 * gives the next state and what the shell (`WorkerPool`) has to carry out. All rules about starting, choosing, idling and
 * ending workers are here and in `PoolReading`, and nowhere else, so that models can drive them.
 *
 * Invariants (checked by the model tests after every step):
 * - live workers (everything that has not exited) ≤ maxWorkers;
 * - no worker has more than `concurrency` in flight; only ready workers get new work;
 * - a worker that was condemned is never offered again;
 * - no worker ever gets more than `mostInvocations`, and one that has had them ends;
 * - while it is unclear that a worker will do well, one is tried at a time;
 * - a retired pool serves the demand it still has and keeps nothing beyond it.
 */

export type PoolEvent =
  /** So many invocations wait. */
  | { readonly _tag: "DemandChanged"; readonly waiting: number }
  /** Have at least this many workers, started for a reason of one's own (deploy, warm-up). */
  | { readonly _tag: "WorkersWanted"; readonly count: number; readonly cause: StartCause }
  | { readonly _tag: "WorkerReady"; readonly worker: WorkerId; readonly concurrency: number }
  /** It never got ready; it has exited. */
  | { readonly _tag: "StartFailed"; readonly worker: WorkerId }
  | { readonly _tag: "Leased"; readonly worker: WorkerId }
  | { readonly _tag: "Released"; readonly worker: WorkerId; readonly succeeded: boolean }
  /** It died, or broke the protocol; `memory`: it was at its memory limit. */
  | { readonly _tag: "WorkerLost"; readonly worker: WorkerId; readonly why?: "fault" | "memory" }
  /** Must not be used again. Its other invocations may finish. */
  | { readonly _tag: "Condemned"; readonly worker: WorkerId; readonly why: StopCause }
  | { readonly _tag: "WorkerExited"; readonly worker: WorkerId }
  | { readonly _tag: "Tick" }
  | { readonly _tag: "LimitsChanged"; readonly limits: PoolLimits }
  /** What failed before is forgotten: whoever mended it says so. */
  | { readonly _tag: "Reset" }
  | { readonly _tag: "Retired" }

export type PoolAction =
  | { readonly _tag: "Start"; readonly worker: WorkerId; readonly cause: StartCause }
  | { readonly _tag: "Stop"; readonly worker: WorkerId; readonly why: StopCause }
  /** A worker has room: the scheduler may lease. */
  | { readonly _tag: "Offer" }

export interface Step {
  readonly state: PoolState
  readonly actions: ReadonlyArray<PoolAction>
}

const NO_ACTIONS: ReadonlyArray<PoolAction> = []
const OFFER: ReadonlyArray<PoolAction> = [{ _tag: "Offer" }]

export const initial = (limits: PoolLimits, prefix: string): PoolState => ({
  prefix,
  phase: "open",
  limits,
  workers: [],
  demand: 0,
  ...NO_BACKOFF,
  started: 0,
  owed: []
})

/** A worker went that its successor makes up for. */
const owe = (state: PoolState, why: StopCause): PoolState => {
  const cause = SUCCESSOR[why]
  if (cause === undefined || state.owed.length >= state.limits.maxWorkers) return state
  return { ...state, owed: [...state.owed, cause] }
}

const SUCCESSOR: { readonly [Why in StopCause]?: StartCause } = {
  fault: "after_crash",
  memory: "after_crash",
  late: "after_timeout",
  cancelled: "after_timeout",
  recycled: "recycle"
}

const usedUp = ({ limits }: PoolState): StopCause => (limits.mostInvocations === 1 ? "used" : "recycled")

const startMore = (state: PoolState, now: number, cause: StartCause | null, least: number): Step => {
  const room = state.limits.maxWorkers - state.workers.length
  const count = Math.min(room, Math.max(least, now < state.backoffUntil ? 0 : wanted(state)))
  if (count <= 0) return { state, actions: NO_ACTIONS }
  const workers = state.workers.slice()
  const actions: Array<PoolAction> = []
  for (let i = 0; i < count; i += 1) {
    const id = `${state.prefix}${state.started + i + 1}` as WorkerId
    const why =
      cause ?? state.owed[i] ?? (state.demand === 0 ? "warm" : workers.length === 0 ? "first" : "scale_up")
    workers.push({ _tag: "Starting", id, cause: why, since: now })
    actions.push({ _tag: "Start", worker: id, cause: why })
  }
  const owed = cause === null || state.owed.includes(cause) ? state.owed.slice(count) : state.owed
  return { state: { ...state, workers, owed, started: state.started + count }, actions }
}

const indexOf = (state: PoolState, worker: WorkerId): number => {
  const { workers } = state
  for (let i = 0; i < workers.length; i += 1) if ((workers[i] as WorkerSlot).id === worker) return i
  return -1
}

const replace = (state: PoolState, index: number, slot: WorkerSlot): PoolState => {
  const workers = state.workers.slice()
  workers[index] = slot
  return { ...state, workers }
}

const remove = (state: PoolState, index: number): PoolState => {
  const workers = state.workers.slice()
  workers.splice(index, 1)
  return { ...state, workers }
}

const afterStep = (first: Step, second: Step): Step => ({
  state: second.state,
  actions: first.actions.length === 0 ? second.actions : [...first.actions, ...second.actions]
})

/** One step of the pool. `now` is monotonic, in milliseconds. Events about workers it does not know change nothing. */
export const transition = (state: PoolState, event: PoolEvent, now: number): Step => {
  switch (event._tag) {
    case "DemandChanged": {
      if (event.waiting === state.demand) return { state, actions: NO_ACTIONS }
      return endIfRetired(startMore({ ...state, demand: event.waiting }, now, null, 0))
    }
    case "WorkersWanted": {
      const { length } = state.workers.filter(
        (slot) => slot._tag === "Starting" || (slot._tag === "Ready" && !isUsed(slot, state.limits))
      )
      return startMore(state, now, event.cause, event.count - length)
    }
    case "WorkerReady": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined || slot._tag !== "Starting") return { state, actions: NO_ACTIONS }
      // A worker that cannot multiplex (1.0, or without the feature) brings the whole pool down to one at a time.
      const limits =
        event.concurrency < state.limits.concurrency
          ? { ...state.limits, concurrency: event.concurrency }
          : state.limits
      const ready: WorkerSlot = {
        _tag: "Ready",
        id: slot.id,
        cause: slot.cause,
        inFlight: 0,
        served: 0,
        idleSince: now,
        readySince: now
      }
      const next = replace({ ...startSucceeded(state, now), limits }, index, ready)
      return endIfRetired(afterStep({ state: next, actions: OFFER }, startMore(next, now, null, 0)))
    }
    case "StartFailed": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined) return { state, actions: NO_ACTIONS }
      const left = startFailed(remove(state, index), now)
      // Whoever takes its place makes up for what it would have.
      const owed =
        slot._tag === "Starting" ? [slot.cause, ...left.owed].slice(0, left.limits.maxWorkers) : left.owed
      return startMore({ ...left, owed }, now, null, 0)
    }
    case "Leased": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined || slot._tag !== "Ready") return { state, actions: NO_ACTIONS }
      const taken: ReadySlot = { ...slot, inFlight: slot.inFlight + 1, served: slot.served + 1 }
      const leased = replace(state, index, taken)
      if (!isUsed(taken, state.limits)) return { state: leased, actions: NO_ACTIONS }
      // One fewer waits for its invocation: the next is made ready meanwhile. Whoever got this one still counts as waiting,
      // until the scheduler says how many do.
      const step = startMore({ ...leased, demand: Math.max(0, leased.demand - 1) }, now, null, 0)
      return { ...step, state: { ...step.state, demand: leased.demand } }
    }
    case "Released": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined) return { state, actions: NO_ACTIONS }
      if (slot._tag === "Ready") {
        const inFlight = Math.max(0, slot.inFlight - 1)
        const after: ReadySlot = { ...slot, inFlight, idleSince: now }
        const given = replace(state, index, after)
        const released =
          inFlight === 0 && isUsed(after, state.limits)
            ? stop(given, index, usedUp(given))
            : { state: given, actions: OFFER }
        if (!event.succeeded || state.crashes === 0) return endIfRetired(released)
        // The back-off may have ended with this.
        const calm = invocationWentWell(released.state, now)
        return endIfRetired(
          afterStep({ state: calm, actions: released.actions }, startMore(calm, now, null, 0))
        )
      }
      if (slot._tag === "Draining") {
        if (slot.inFlight <= 1) return stop(state, index, slot.why)
        return { state: replace(state, index, { ...slot, inFlight: slot.inFlight - 1 }), actions: NO_ACTIONS }
      }
      return { state, actions: NO_ACTIONS }
    }
    case "Condemned": {
      const index = indexOf(state, event.worker)
      if (index === -1) return { state, actions: NO_ACTIONS }
      const next = condemn(state, index, event.why)
      return afterStep(next, startMore(next.state, now, null, 0))
    }
    case "WorkerLost": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined || slot._tag === "Stopping") return { state, actions: NO_ACTIONS }
      // One that was on its way out already tells nothing about the code.
      const counted = slot._tag === "Ready" ? crashed(state, now) : state
      const next = stop(counted, index, event.why ?? "fault")
      return afterStep(next, startMore(next.state, now, null, 0))
    }
    case "WorkerExited": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined) return { state, actions: NO_ACTIONS }
      const gone = remove(state, index)
      // An exit that nobody asked for is a crash, whether it had work or not.
      return startMore(slot._tag === "Ready" ? crashed(owe(gone, "fault"), now) : gone, now, null, 0)
    }
    case "Tick": {
      const swept = sweep(state, now)
      const recycled = afterStep(swept, recycle(swept.state, now))
      return afterStep(recycled, startMore(recycled.state, now, null, 0))
    }
    case "LimitsChanged":
      return endUsed(startMore({ ...state, limits: event.limits }, now, null, 0))
    case "Reset": {
      const calm = { ...state, ...NO_BACKOFF }
      return endIfRetired(startMore(calm, now, null, 0))
    }
    case "Retired":
      return endIfRetired({ state: { ...state, phase: "retired" }, actions: NO_ACTIONS })
  }
}

/** In a retired pool without demand, workers without work end at once, those that are still starting included. */
const endIfRetired = (step: Step): Step => {
  const { state } = step
  if (state.phase === "open" || state.demand > 0) return step
  let result = step
  for (let i = 0; i < state.workers.length; i += 1) {
    const slot = state.workers[i] as WorkerSlot
    const needless = slot._tag === "Starting" || (slot._tag === "Ready" && slot.inFlight === 0)
    if (needless) result = afterStep(result, stop(result.state, i, "retired"))
  }
  return result
}

/** Workers that have had all their invocations, in a pool that has just begun to care. */
const endUsed = (step: Step): Step => {
  let result = step
  for (let i = 0; i < result.state.workers.length; i += 1) {
    const slot = result.state.workers[i] as WorkerSlot
    const over = slot._tag === "Ready" && slot.inFlight === 0 && isUsed(slot, result.state.limits)
    if (over) result = afterStep(result, stop(result.state, i, usedUp(result.state)))
  }
  return result
}

const stop = (state: PoolState, index: number, why: StopCause): Step => {
  const slot = state.workers[index] as WorkerSlot
  const { id } = slot
  const ending = replace(state, index, { _tag: "Stopping", id, why })
  return {
    // What is owed for one that finished first was noted when it was condemned.
    state: slot._tag === "Draining" ? ending : owe(ending, why),
    actions: [{ _tag: "Stop", worker: id, why }]
  }
}

/** Takes a worker out: at once, or when it has finished what it has. */
const condemn = (state: PoolState, index: number, why: StopCause): Step => {
  const slot = state.workers[index] as WorkerSlot
  if (slot._tag === "Stopping") return { state, actions: NO_ACTIONS }
  if (slot._tag === "Starting" || slot.inFlight === 0) return stop(state, index, why)
  const { id, inFlight } = slot
  const draining = replace(state, index, { _tag: "Draining", id, why, inFlight })
  return { state: slot._tag === "Draining" ? draining : owe(draining, why), actions: NO_ACTIONS }
}

/** Replaces the oldest worker if its age is over, when its turn has come. */
const recycle = (state: PoolState, now: number): Step => {
  const slot = oldest(state)
  if (slot === null || now - slot.readySince < state.limits.maxAgeMs) return { state, actions: NO_ACTIONS }
  switch (recyclingNeeds(state)) {
    case "its_turn":
      return { state, actions: NO_ACTIONS }
    case "nothing": {
      const step = condemn(state, indexOf(state, slot.id), "recycled")
      const others = usable(step.state).length
      // With others beside it (a successor perhaps) nobody has to make up for it.
      const isMissed = others === 0 || others < state.limits.warmWorkers
      return isMissed ? step : { ...step, state: { ...step.state, owed: state.owed } }
    }
    case "a_successor":
      return now < state.backoffUntil ? { state, actions: NO_ACTIONS } : startMore(state, now, "recycle", 1)
  }
}

/** Ends ready workers without work whose idle time is over, oldest first, down to the warm count. */
const sweep = (state: PoolState, now: number): Step => {
  const ready = usable(state)
  const surplus = ready.length - state.limits.warmWorkers
  if (surplus <= 0) return { state, actions: NO_ACTIONS }
  const expired = ready
    .filter((slot) => slot.inFlight === 0 && now - slot.idleSince >= state.limits.idleTimeoutMs)
    .sort((a, b) => a.idleSince - b.idleSince)
    .slice(0, surplus)
  // There are more than are needed: nobody has to make up for those that went before.
  let step: Step = { state: expired.length === 0 ? state : { ...state, owed: [] }, actions: NO_ACTIONS }
  for (const slot of expired) step = afterStep(step, stop(step.state, indexOf(step.state, slot.id), "idle"))
  return step
}
