import type { WorkerId } from "../domain/Ids.ts"
import { crashed, invocationWentWell, NO_BACKOFF, startFailed, startSucceeded } from "./Backoff.ts"
import {
  isUsed,
  type PoolLimits,
  type PoolState,
  type ReadySlot,
  type StartCause,
  type StopCause,
  wanted,
  type WorkerSlot
} from "./PoolReading.ts"

export { choose, counts, nextTick } from "./PoolReading.ts"
export type { PoolLimits, PoolState, StartCause, StopCause, WorkerSlot } from "./PoolReading.ts"

/**
 * The pool of one function version as a value. `transition` is pure: it takes a state, an event and the instant, and
 * gives the next state and what the shell (`WorkerPool`) has to carry out. All rules about starting, choosing, idling and
 * ending workers are here and in `PoolReading`, and nowhere else, so that models can drive them.
 *
 * Invariants (checked by the model tests after every step):
 * - live workers (everything that has not exited) ≤ maxWorkers;
 * - no worker has more than `concurrency` in flight; only ready workers get new work;
 * - a worker that was condemned is never offered again;
 * - with `singleUse`, no worker ever gets a second invocation, and one that has had its own ends;
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
  /** It died, or broke the protocol, while it had work. */
  | { readonly _tag: "WorkerLost"; readonly worker: WorkerId }
  /** Must not be used again. Its other invocations may finish. */
  | { readonly _tag: "Condemned"; readonly worker: WorkerId; readonly why: StopCause }
  | { readonly _tag: "WorkerExited"; readonly worker: WorkerId }
  | { readonly _tag: "Tick" }
  | { readonly _tag: "LimitsChanged"; readonly limits: PoolLimits }
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
  started: 0
})

const startMore = (state: PoolState, now: number, cause: StartCause | null, least: number): Step => {
  const room = state.limits.maxWorkers - state.workers.length
  const count = Math.min(room, Math.max(least, now < state.backoffUntil ? 0 : wanted(state)))
  if (count <= 0) return { state, actions: NO_ACTIONS }
  const workers = state.workers.slice()
  const actions: Array<PoolAction> = []
  for (let i = 0; i < count; i += 1) {
    const serial = state.started + i + 1
    const id = `${state.prefix}${serial}` as WorkerId
    const why =
      cause ??
      (state.failedStarts + state.crashes > 0
        ? "after_crash"
        : serial === 1
          ? "first"
          : state.demand > 0
            ? "scale_up"
            : "warm")
    workers.push({ _tag: "Starting", id, cause: why, since: now })
    actions.push({ _tag: "Start", worker: id, cause: why })
  }
  return { state: { ...state, workers, started: state.started + count }, actions }
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
        idleSince: now
      }
      const next = replace({ ...startSucceeded(state, now), limits }, index, ready)
      return endIfRetired(afterStep({ state: next, actions: OFFER }, startMore(next, now, null, 0)))
    }
    case "StartFailed": {
      const index = indexOf(state, event.worker)
      if (index === -1) return { state, actions: NO_ACTIONS }
      return startMore(startFailed(remove(state, index), now), now, null, 0)
    }
    case "Leased": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined || slot._tag !== "Ready") return { state, actions: NO_ACTIONS }
      const leased = replace(state, index, {
        ...slot,
        inFlight: slot.inFlight + 1,
        served: slot.served + 1
      })
      if (!state.limits.singleUse) return { state: leased, actions: NO_ACTIONS }
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
            ? stop(given, index, "used")
            : { state: given, actions: OFFER }
        if (!event.succeeded || state.crashes === 0) return endIfRetired(released)
        // The back-off may have ended with this.
        const calm = invocationWentWell(released.state)
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
      const slot = state.workers[index]
      if (slot === undefined || slot._tag === "Stopping") return { state, actions: NO_ACTIONS }
      const next =
        slot._tag === "Starting" || slot.inFlight === 0
          ? stop(state, index, event.why)
          : {
              state: replace(state, index, {
                _tag: "Draining",
                id: slot.id,
                why: event.why,
                inFlight: slot.inFlight
              }),
              actions: NO_ACTIONS
            }
      return afterStep(next, startMore(next.state, now, null, 0))
    }
    case "WorkerLost": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined || slot._tag === "Stopping") return { state, actions: NO_ACTIONS }
      // One that was on its way out already tells nothing about the code.
      const counted = slot._tag === "Ready" ? crashed(state, now) : state
      const next = stop(counted, index, "fault")
      return afterStep(next, startMore(next.state, now, null, 0))
    }
    case "WorkerExited": {
      const index = indexOf(state, event.worker)
      const slot = state.workers[index]
      if (slot === undefined) return { state, actions: NO_ACTIONS }
      const gone = remove(state, index)
      // An exit that nobody asked for is a crash, whether it had work or not.
      return startMore(slot._tag === "Ready" ? crashed(gone, now) : gone, now, null, 0)
    }
    case "Tick": {
      const swept = sweep(state, now)
      return afterStep(swept, startMore(swept.state, now, null, 0))
    }
    case "LimitsChanged":
      return endUsed(startMore({ ...state, limits: event.limits }, now, null, 0))
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

/** Workers that have had their one invocation, in a pool that has just begun to care. */
const endUsed = (step: Step): Step => {
  let result = step
  for (let i = 0; i < result.state.workers.length; i += 1) {
    const slot = result.state.workers[i] as WorkerSlot
    const over = slot._tag === "Ready" && slot.inFlight === 0 && isUsed(slot, result.state.limits)
    if (over) result = afterStep(result, stop(result.state, i, "used"))
  }
  return result
}

const stop = (state: PoolState, index: number, why: StopCause): Step => {
  const { id } = state.workers[index] as WorkerSlot
  return {
    state: replace(state, index, { _tag: "Stopping", id, why }),
    actions: [{ _tag: "Stop", worker: id, why }]
  }
}

/** Ends ready workers without work whose idle time is over, oldest first, down to the warm count. */
const sweep = (state: PoolState, now: number): Step => {
  const ready = state.workers.filter(
    (slot): slot is ReadySlot => slot._tag === "Ready" && !isUsed(slot, state.limits)
  )
  const surplus = ready.length - state.limits.warmWorkers
  if (surplus <= 0) return { state, actions: NO_ACTIONS }
  const expired = ready
    .filter((slot) => slot.inFlight === 0 && now - slot.idleSince >= state.limits.idleTimeoutMs)
    .sort((a, b) => a.idleSince - b.idleSince)
    .slice(0, surplus)
  let step: Step = { state, actions: NO_ACTIONS }
  for (const slot of expired) step = afterStep(step, stop(step.state, indexOf(step.state, slot.id), "idle"))
  return step
}
