import type { WorkerId } from "../../../src/domain/Ids.ts"
import * as PoolState from "../../../src/pool/PoolState.ts"
import type { PoolMachine } from "../PoolModel.ts"

/**
 * Pools that are wrong on purpose, each in one way and most of the time right. The model has to catch every one of them,
 * and for the right reason: who checks the checker.
 */
export interface BrokenPool {
  readonly fault: string
  /** The guarantee that has to be reported as broken: one of these. */
  readonly breaks: ReadonlyArray<string>
  readonly machine: PoolMachine
}

type State = PoolState.PoolState
type Transition = PoolMachine["transition"]

const variant = (
  fault: string,
  breaks: ReadonlyArray<string>,
  change: Partial<PoolMachine> | ((transition: Transition) => Transition)
): BrokenPool => ({
  fault,
  breaks,
  machine: {
    ...PoolState,
    ...(typeof change === "function" ? { transition: change(PoolState.transition) } : change)
  }
})

const slotOf = (state: State, id: WorkerId): PoolState.WorkerSlot | undefined =>
  state.workers.find((slot) => slot.id === id)

const withLimits = (state: State, change: Partial<PoolState.PoolLimits>): State => ({
  ...state,
  limits: { ...state.limits, ...change }
})

export const brokenPools: ReadonlyArray<BrokenPool> = [
  variant(
    "a failed invocation never gives its place back",
    ["counts every lease"],
    (transition) => (state, event, now) =>
      event._tag === "Released" && !event.succeeded && slotOf(state, event.worker)?._tag === "Ready"
        ? { state, actions: [] }
        : transition(state, event, now)
  ),
  variant(
    "one worker more than max_workers",
    ["live workers ≤ max_workers"],
    (transition) => (state, event, now) => {
      if (event._tag !== "DemandChanged") return transition(state, event, now)
      const { maxWorkers } = state.limits
      const step = transition(withLimits(state, { maxWorkers: maxWorkers + 1 }), event, now)
      return { ...step, state: withLimits(step.state, { maxWorkers }) }
    }
  ),
  variant(
    "a late worker is offered again",
    ["a condemned worker is out"],
    (transition) => (state, event, now) =>
      event._tag === "Condemned" && event.why === "late"
        ? { state, actions: [] }
        : transition(state, event, now)
  ),
  variant(
    "a draining worker is chosen",
    ["a condemned worker is never offered", "a worker with room is found"],
    {
      choose: (state) =>
        PoolState.choose(state) ??
        state.workers.find((slot) => slot._tag === "Draining" && slot.inFlight < state.limits.concurrency)
          ?.id ??
        null
    }
  ),
  variant("a starting worker is chosen", ["only ready workers with room are offered"], {
    choose: (state) =>
      PoolState.choose(state) ?? state.workers.find((slot) => slot._tag === "Starting")?.id ?? null
  }),
  variant("the busiest worker is chosen", ["the least loaded worker is offered"], {
    choose: (state) => {
      let chosen: (PoolState.WorkerSlot & { readonly _tag: "Ready" }) | null = null
      for (const slot of state.workers) {
        if (slot._tag !== "Ready" || slot.inFlight >= state.limits.concurrency) continue
        if (slot.served >= state.limits.mostInvocations) continue
        if (chosen === null || slot.inFlight > chosen.inFlight) chosen = slot
      }
      return chosen?.id ?? null
    }
  }),
  variant(
    "a worker at the end of its life gets another invocation",
    ["only ready workers with room are offered"],
    {
      choose: (state) =>
        PoolState.choose(state) ??
        PoolState.choose(withLimits(state, { mostInvocations: Number.POSITIVE_INFINITY }))
    }
  ),
  variant(
    "a worker at the end of its life is kept",
    ["who was used ends"],
    (transition) => (state, event, now) => {
      if (event._tag !== "Released") return transition(state, event, now)
      const { mostInvocations } = state.limits
      const step = transition(withLimits(state, { mostInvocations: Number.POSITIVE_INFINITY }), event, now)
      return { ...step, state: withLimits(step.state, { mostInvocations }) }
    }
  ),
  variant("more in flight than the worker takes", ["only ready workers with room are offered"], {
    choose: (state) => {
      const { concurrency } = state.limits
      return PoolState.choose(withLimits(state, { concurrency: concurrency + 1 }))
    }
  }),
  variant(
    "nobody is told of a place that became free",
    ["whoever waits is told of room"],
    (transition) => (state, event, now) => {
      const step = transition(state, event, now)
      if (event._tag !== "Released") return step
      return { ...step, actions: step.actions.filter((action) => action._tag !== "Offer") }
    }
  ),
  variant(
    "an exit starts nothing for those that wait",
    ["what waits is started for", "comes to rest", "nobody waits for ever"],
    (transition) => (state, event, now) => {
      const step = transition(state, event, now)
      if (event._tag !== "WorkerExited") return step
      const before = new Set(state.workers.map((slot) => slot.id))
      return {
        state: { ...step.state, workers: step.state.workers.filter((slot) => before.has(slot.id)) },
        actions: step.actions.filter((action) => action._tag !== "Start")
      }
    }
  ),
  variant(
    "no back-off after a start that failed",
    ["the back-off is kept"],
    (transition) => (state, event, now) => {
      if (event._tag !== "StartFailed") return transition(state, event, now)
      const step = transition(state, event, now)
      return { ...step, state: { ...step.state, backoffUntil: now } }
    }
  ),
  variant("a back-off that never grows", ["the back-off is kept"], (transition) => (state, event, now) => {
    const step = transition(state, event, now)
    const most = now + 100
    return { ...step, state: { ...step.state, backoffUntil: Math.min(step.state.backoffUntil, most) } }
  }),
  variant(
    "crashes do not count",
    ["the back-off is kept", "one is tried before there are more"],
    (transition) => (state, event, now) => {
      const step = transition(state, event, now)
      return { ...step, state: { ...step.state, crashes: 0 } }
    }
  ),
  variant(
    "many are tried where it is unclear that one does well",
    ["one is tried before there are more"],
    (transition) => (state, event, now) => {
      if (event._tag !== "DemandChanged") return transition(state, event, now)
      const { crashes, failedStarts } = state
      const step = transition({ ...state, crashes: 0, failedStarts: 0 }, event, now)
      return { ...step, state: { ...step.state, crashes, failedStarts } }
    }
  ),
  variant(
    "a quarantine that is no longer than the back-off before it",
    ["the back-off is kept"],
    (transition) => (state, event, now) => {
      const step = transition(state, event, now)
      const most = now + 6_400
      return { ...step, state: { ...step.state, backoffUntil: Math.min(step.state.backoffUntil, most) } }
    }
  ),
  variant(
    "a reset forgets nothing",
    ["the back-off ends", "what waits is started for"],
    (transition) => (state, event, now) =>
      event._tag === "Reset" ? { state, actions: [] } : transition(state, event, now)
  ),
  variant("nobody is ever too old", ["a tick makes progress", "age is watched"], (transition) => {
    const maxAgeMs = Number.POSITIVE_INFINITY
    return (state, event, now) => {
      if (event._tag !== "Tick") return transition(state, event, now)
      const step = transition(withLimits(state, { maxAgeMs }), event, now)
      return { ...step, state: withLimits(step.state, state.limits) }
    }
  }),
  variant(
    "workers are too old at half their age",
    ["only who is old is recycled", "starts are shared"],
    (transition) => (state, event, now) => {
      if (event._tag !== "Tick") return transition(state, event, now)
      const { maxAgeMs } = state.limits
      const step = transition(withLimits(state, { maxAgeMs: maxAgeMs / 2 }), event, now)
      return { ...step, state: withLimits(step.state, { maxAgeMs }) }
    }
  ),
  variant(
    "all that are too old go at once",
    ["they are recycled one at a time", "the idle sweep keeps the warm workers"],
    (transition) => (state, event, now) => {
      const step = transition(state, event, now)
      if (event._tag !== "Tick") return step
      const isOld = (slot: PoolState.WorkerSlot): boolean =>
        slot._tag === "Ready" && now - slot.readySince >= state.limits.maxAgeMs
      return step.state.workers.filter(isOld).reduce((before, { id }) => {
        const next = transition(before.state, { _tag: "Condemned", worker: id, why: "recycled" }, now)
        return { state: next.state, actions: [...before.actions, ...next.actions] }
      }, step)
    }
  ),
  variant(
    "every call that waits starts a worker of its own",
    ["starts are shared"],
    (transition) => (state, event, now) => {
      // Those under way are not counted.
      const starting = state.workers.filter((slot) => slot._tag === "Starting").length
      if (event._tag !== "DemandChanged" || event.waiting <= state.demand || starting === 0) {
        return transition(state, event, now)
      }
      const { concurrency } = state.limits
      const step = transition(
        state,
        { _tag: "DemandChanged", waiting: event.waiting + starting * concurrency },
        now
      )
      return { ...step, state: { ...step.state, demand: event.waiting } }
    }
  ),
  variant(
    "the idle sweep takes warm workers too",
    ["the idle sweep keeps the warm workers", "a tick makes progress"],
    (transition) => (state, event, now) => {
      if (event._tag !== "Tick") return transition(state, event, now)
      const { warmWorkers } = state.limits
      const greedy = transition(withLimits(state, { warmWorkers: 0 }), event, now)
      if (!greedy.actions.some((action) => action._tag === "Stop")) return transition(state, event, now)
      return { ...greedy, state: withLimits(greedy.state, { warmWorkers }) }
    }
  ),
  variant(
    "idle workers end at half their time",
    ["idle workers get their whole time"],
    (transition) => (state, event, now) => {
      if (event._tag !== "Tick") return transition(state, event, now)
      const { idleTimeoutMs } = state.limits
      const step = transition(withLimits(state, { idleTimeoutMs: idleTimeoutMs / 2 }), event, now)
      return { ...step, state: withLimits(step.state, { idleTimeoutMs }) }
    }
  ),
  variant(
    "idle workers and back-offs are forgotten while another worker starts",
    ["the idle time-out is watched", "the back-off ends"],
    {
      nextTick: (state) =>
        state.workers.some((slot) => slot._tag === "Starting") ? null : PoolState.nextTick(state)
    }
  ),
  variant("ticks for ever at one instant", ["a tick makes progress"], {
    nextTick: (state) => (state.workers.some((slot) => slot._tag === "Ready") ? 0 : PoolState.nextTick(state))
  }),
  variant(
    "a retired pool keeps its workers",
    ["a retired pool without demand keeps nothing"],
    (transition) => (state, event, now) =>
      event._tag === "Retired"
        ? { state: { ...state, phase: "retired" }, actions: [] }
        : transition(state, event, now)
  ),
  variant("a worker is told to end twice", ["stops a worker once"], (transition) => (state, event, now) => {
    const step = transition(state, event, now)
    return { ...step, actions: [...step.actions, ...step.actions.filter((action) => action._tag === "Stop")] }
  }),
  variant(
    "a draining worker ends with work in hand",
    ["takes no work away"],
    (transition) => (state, event, now) => {
      const slot = event._tag === "Released" ? slotOf(state, event.worker) : undefined
      if (slot?._tag !== "Draining" || slot.inFlight < 2) return transition(state, event, now)
      const last = state.workers.map((one) => (one === slot ? { ...slot, inFlight: 1 } : one))
      return transition({ ...state, workers: last }, event, now)
    }
  ),
  variant(
    "an exit leaves its slot behind",
    ["knows every live worker", "one slot per worker"],
    (transition) => (state, event, now) =>
      event._tag === "WorkerExited" && slotOf(state, event.worker)?._tag === "Ready"
        ? { state, actions: [] }
        : transition(state, event, now)
  )
]
