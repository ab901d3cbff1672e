import type { WorkerId } from "../../src/domain/Ids.ts"
import type * as PoolStateModule from "../../src/pool/PoolState.ts"
import { BackoffRules, holds, isLeaving, type KnownWorker } from "./PoolRules.ts"

type PoolEvent = PoolStateModule.PoolEvent
type PoolLimits = PoolStateModule.PoolLimits
type PoolState = PoolStateModule.PoolState
type Step = PoolStateModule.Step

/** What the model drives: the real transitions, or a variant that is broken on purpose. */
export type PoolMachine = Pick<
  typeof PoolStateModule,
  "initial" | "transition" | "choose" | "nextTick" | "counts"
>

/**
 * The outside of one pool: its workers, its callers and the clock. It keeps its own account of what is true and holds the
 * pool's state against it after every step.
 */
export class PoolWorld {
  readonly machine: PoolMachine
  state: PoolState
  now = 0
  readonly workers = new Map<WorkerId, KnownWorker>()
  readonly everKnown = new Set<WorkerId>()
  /** Invocations that wait. */
  waiting = 0
  retired = false
  readonly #backoff = new BackoffRules()

  constructor(machine: PoolMachine, limits: PoolLimits) {
    this.machine = machine
    this.state = machine.initial(limits, "w1-")
  }

  ids(is: (worker: KnownWorker) => boolean): Array<WorkerId> {
    return [...this.workers].filter(([, worker]) => is(worker)).map(([id]) => id)
  }

  /** One step, checked. */
  step(event: PoolEvent): Step {
    const before = this.state
    const step = this.machine.transition(before, event, this.now)
    this.#account(event, before)
    this.state = step.state
    this.#carryOut(event, before, step)
    this.#check(event, before, step)
    return step
  }

  /** What waits changes, and the pool is told. */
  demand(waiting: number): void {
    this.waiting = waiting
    this.step({ _tag: "DemandChanged", waiting })
  }

  /** Gives waiting invocations to workers that have room, as the scheduler does. */
  lease(): boolean {
    const id = this.machine.choose(this.state)
    this.#checkChoice(id)
    if (id === null) return false
    this.step({ _tag: "Leased", worker: id })
    if (this.waiting > 0) this.demand(this.waiting - 1)
    return true
  }

  tick(): void {
    const next = this.machine.nextTick(this.state)
    if (next === null) return
    this.now = Math.max(this.now, next)
    this.step({ _tag: "Tick" })
  }

  /**
   * Everything goes well from here on: starts succeed, invocations are answered, workers that were told to end do so. What
   * waits must be served within a bounded number of steps, and nothing may be left over.
   */
  comeToRest(): void {
    // Workers that age would be replaced for ever.
    this.step({ _tag: "LimitsChanged", limits: { ...this.state.limits, maxAgeMs: Number.POSITIVE_INFINITY } })
    for (let rounds = 0; ; rounds += 1) {
      holds(rounds < 2_000, "comes to rest", () => this.state)
      const [starting] = this.ids((worker) => worker.phase === "starting")
      if (starting !== undefined) {
        this.step({ _tag: "WorkerReady", worker: starting, concurrency: this.state.limits.concurrency })
        continue
      }
      const [ending] = this.ids((worker) => worker.phase === "ending")
      if (ending !== undefined) {
        this.step({ _tag: "WorkerExited", worker: ending })
        continue
      }
      if (this.waiting > 0 && this.lease()) continue
      const [busy] = this.ids((worker) => worker.leases > 0)
      if (busy !== undefined) {
        this.step({ _tag: "Released", worker: busy, succeeded: true })
        continue
      }
      if (this.machine.nextTick(this.state) === null) break
      this.tick()
    }
    holds(this.waiting === 0, "nobody waits for ever", () => this.state)
    const { maxWorkers, warmWorkers } = this.state.limits
    const kept = this.retired ? 0 : Math.min(warmWorkers, maxWorkers)
    // A first Tick starts the warm workers of a pool that nobody called yet.
    const enough = this.state.workers.length === kept || (this.state.started === 0 && kept > 0)
    holds(enough, "keeps its warm workers and no more", () => this.state)
  }

  /** What the event means outside; before the pool's answer to it is looked at. */
  #account(event: PoolEvent, before: PoolState): void {
    switch (event._tag) {
      case "WorkerReady": {
        const worker = this.#known(event.worker)
        worker.phase = "ready"
        worker.lastWorkAt = this.now
        worker.readyAt = this.now
        this.#backoff.startSucceeded(this.now)
        return
      }
      case "StartFailed":
        this.workers.delete(event.worker)
        return this.#backoff.startFailed(this.now)
      case "Leased": {
        const worker = this.#known(event.worker)
        const isOpen = worker.served < before.limits.mostInvocations
        holds(isOpen, "nobody is used beyond its life", () => event)
        worker.leases += 1
        worker.served += 1
        return
      }
      case "Released": {
        const worker = this.#known(event.worker)
        worker.leases -= 1
        worker.lastWorkAt = this.now
        if (event.succeeded && !worker.condemned) this.#backoff.wentWell(this.now)
        return
      }
      case "WorkerLost": {
        const worker = this.#known(event.worker)
        if (!worker.condemned) this.#backoff.crashed(this.now)
        worker.condemned = true
        worker.leases = 0
        return
      }
      case "WorkerExited": {
        const worker = this.#known(event.worker)
        if (!worker.condemned && worker.phase === "ready") this.#backoff.crashed(this.now)
        this.workers.delete(event.worker)
        return
      }
      case "Condemned":
        this.#known(event.worker).condemned = true
        return
      case "Reset":
        return this.#backoff.reset()
      case "Retired":
        this.retired = true
        return
      default:
        return void before
    }
  }

  #known(id: WorkerId): KnownWorker {
    const worker = this.workers.get(id)
    if (worker === undefined) throw new Error(`the model lost sight of ${id}`)
    return worker
  }

  #carryOut(event: PoolEvent, before: PoolState, step: Step): void {
    let idleStops = 0
    let recycled = 0
    for (const action of step.actions) {
      switch (action._tag) {
        case "Start":
          holds(!this.everKnown.has(action.worker), "ids are never used twice", () => action)
          this.everKnown.add(action.worker)
          this.workers.set(action.worker, {
            phase: "starting",
            condemned: false,
            leases: 0,
            served: 0,
            lastWorkAt: this.now,
            readyAt: this.now
          })
          break
        case "Stop": {
          const worker = this.workers.get(action.worker)
          holds(worker !== undefined && worker.phase !== "ending", "stops a worker once", () => action)
          if (worker === undefined) break
          holds(worker.leases === 0, "takes no work away", () => action)
          if (action.why === "idle" && event._tag === "Tick") {
            idleStops += 1
            const { idleTimeoutMs } = before.limits
            const due = worker.lastWorkAt + idleTimeoutMs <= this.now
            holds(due, "idle workers get their whole time", () => action)
          }
          if (action.why === "recycled" && event._tag === "Tick") {
            recycled += 1
            this.#checkAge(worker, before)
          }
          worker.phase = "ending"
          worker.condemned = true
          break
        }
        case "Offer":
          break
      }
    }
    if (event._tag === "Tick") {
      for (const slot of step.state.workers) {
        const worker = this.workers.get(slot.id)
        if (slot._tag !== "Draining" || worker === undefined || worker.condemned) continue
        recycled += 1
        this.#checkAge(worker, before)
        worker.condemned = true
      }
    }
    holds(recycled <= 1, "they are recycled one at a time", () => step.state)
    if (idleStops > 0) {
      const left = this.ids((worker) => this.#waits(worker)).length
      holds(left >= before.limits.warmWorkers, "the idle sweep keeps the warm workers", () => step.state)
    }
  }

  /** That it may be taken out for its age. */
  #checkAge(worker: KnownWorker, before: PoolState): void {
    const isOver = worker.readyAt + before.limits.maxAgeMs <= this.now
    holds(isOver, "only who is old is recycled", () => worker)
    const goes = before.workers.some((slot) => isLeaving(slot) && slot.why === "recycled")
    holds(!goes, "they are recycled one at a time", () => before)
  }

  #check(event: PoolEvent, before: PoolState, step: Step): void {
    const { state } = step
    this.#checkSlots()
    this.#checkStarts(event, before, step)
    this.#checkChoice(this.machine.choose(state))
    this.#checkOffers(event, step)
    if (this.retired && state.demand === 0) {
      const kept = state.workers.filter(
        (slot) =>
          (slot._tag === "Ready" && slot.inFlight === 0) ||
          (slot._tag === "Starting" && event._tag !== "WorkersWanted")
      )
      holds(kept.length === 0, "a retired pool without demand keeps nothing", () => state)
    }
    this.#checkTicks()
    const counted = this.machine.counts(state, this.now)
    const sum = counted.starting + counted.warm + counted.busy + counted.idle + counted.draining
    holds(sum === state.workers.length, "counts every worker once", () => counted)
  }

  #checkSlots(): void {
    const { state } = this
    const slots = new Map(state.workers.map((slot) => [slot.id, slot]))
    holds(slots.size === state.workers.length, "one slot per worker", () => state)
    holds(slots.size === this.workers.size, "knows every live worker", () => [
      state,
      [...this.workers.keys()]
    ])
    for (const [id, worker] of this.workers) {
      const slot = slots.get(id)
      holds(slot !== undefined, "knows every live worker", () => id)
      if (slot === undefined) continue
      const held = slot._tag === "Ready" || slot._tag === "Draining" ? slot.inFlight : 0
      holds(held === worker.leases, "counts every lease", () => [slot, worker])
      const open = slot._tag === "Ready" || slot._tag === "Starting"
      holds(open !== worker.condemned, "a condemned worker is out", () => [slot, worker])
      holds((slot._tag === "Starting") === (worker.phase === "starting"), "knows who is starting", () => slot)
      const over = worker.served >= state.limits.mostInvocations && worker.leases === 0
      holds(!over || worker.condemned, "who was used ends", () => [slot, worker])
    }
  }

  #checkStarts(event: PoolEvent, before: PoolState, step: Step): void {
    const { state } = step
    const { maxWorkers } = state.limits
    const starts = step.actions.filter((action) => action._tag === "Start").length
    const most = Math.max(maxWorkers, before.workers.length)
    holds(state.workers.length <= most, "live workers ≤ max_workers", () => state)
    if (starts > 0) holds(state.workers.length <= maxWorkers, "live workers ≤ max_workers", () => state)
    const need = this.#need()
    const successors = event._tag === "Tick" && this.#hasOld ? 1 : 0
    const isTrial = starts === 0 || need.starting <= Math.max(this.#backoff.mostStarting(need), successors)
    holds(isTrial || event._tag === "WorkersWanted", "one is tried before there are more", () => state)
    if (event._tag !== "WorkersWanted") {
      holds(starts === 0 || this.now >= this.#backoff.startsAllowedFrom, "the back-off is kept", () => ({
        now: this.now,
        startsAllowedFrom: this.#backoff.startsAllowedFrom,
        actions: step.actions
      }))
      // A successor starts before a warm worker that is too old goes.
      const shared = starts === 0 || need.starting <= need.starts + successors
      holds(shared, "starts are shared", () => ({ need, state }))
    } else if (starts > 0) {
      const live = need.ready + need.starting
      holds(need.starting <= need.starts || live <= event.count, "starts are shared", () => ({ need, state }))
    }
    // Whoever waits has a worker under way unless there is a reason why not.
    if (event._tag === "Leased") return
    const blocked = this.now < this.#backoff.startsAllowedFrom || state.workers.length >= maxWorkers
    const enough = need.starting >= Math.min(this.#backoff.mostStarting(need), need.starts)
    const reached = blocked || enough || this.#silent(event, before)
    holds(reached, "what waits is started for", () => ({ need, state }))
  }

  /** Events that change nothing may leave things as they are until the next tick. */
  #silent(event: PoolEvent, before: PoolState): boolean {
    if (event._tag === "DemandChanged" && before.demand === event.waiting) return true
    return event._tag === "Retired" || event._tag === "Released" || before === this.state
  }

  /** Starts that demand and warm workers justify, by the model's own arithmetic. */
  #need(): { readonly starts: number; readonly starting: number; readonly ready: number } {
    const { mostInvocations, warmWorkers } = this.state.limits
    const concurrency = this.#concurrency
    let room = 0
    let ready = 0
    let starting = 0
    for (const worker of this.workers.values()) {
      if (worker.condemned || worker.served >= mostInvocations) continue
      if (worker.phase === "starting") starting += 1
      else {
        ready += 1
        room += Math.max(
          0,
          Math.min(this.state.limits.concurrency - worker.leases, mostInvocations - worker.served)
        )
      }
    }
    const forDemand = Math.ceil(Math.max(0, this.state.demand - room) / concurrency)
    const forWarmth = this.retired ? 0 : Math.max(0, warmWorkers - ready)
    return { starts: Math.max(forDemand, forWarmth), starting, ready }
  }

  /** What a new worker takes. */
  get #concurrency(): number {
    const { concurrency, mostInvocations } = this.state.limits
    return Math.min(concurrency, mostInvocations)
  }

  get #hasOld(): boolean {
    const { maxAgeMs } = this.state.limits
    return this.ids((worker) => this.#waits(worker) && worker.readyAt + maxAgeMs <= this.now).length > 0
  }

  /** Ready, and may get work, now or later. */
  #waits(worker: KnownWorker): boolean {
    const isUsed = worker.served >= this.state.limits.mostInvocations
    return worker.phase === "ready" && !worker.condemned && !isUsed
  }

  #checkChoice(id: WorkerId | null): void {
    const { concurrency } = this.state.limits
    const eligible = this.ids((worker) => this.#waits(worker) && worker.leases < concurrency)
    if (id === null) {
      holds(eligible.length === 0, "a worker with room is found", () => eligible)
      return
    }
    const worker = this.workers.get(id)
    holds(worker?.condemned === false, "a condemned worker is never offered", () => id)
    holds(eligible.includes(id), "only ready workers with room are offered", () => id)
    const least = Math.min(...eligible.map((one) => this.#known(one).leases))
    holds(worker?.leases === least, "the least loaded worker is offered", () => id)
  }

  #checkOffers(event: PoolEvent, step: Step): void {
    if (event._tag !== "Released" && event._tag !== "WorkerReady") return
    if (this.waiting === 0 || this.#known(event.worker).condemned) return
    const offered = step.actions.some((action) => action._tag === "Offer")
    holds(offered || this.machine.choose(step.state) === null, "whoever waits is told of room", () => step)
  }

  /** The next tick makes progress, so that ticking never becomes a loop; and nothing is left without a tick. */
  #checkTicks(): void {
    const { machine, state } = this
    const next = machine.nextTick(state)
    if (next !== null) {
      const at = Math.max(this.now, next)
      const ticked = machine.transition(state, { _tag: "Tick" }, at)
      const after = machine.nextTick(ticked.state)
      holds(after === null || after > at, "a tick makes progress", () => ({
        now: this.now,
        next,
        after,
        state
      }))
    }
    const need = this.#need()
    const mayStart = state.workers.length < state.limits.maxWorkers
    const isMissing = need.starting < Math.min(this.#backoff.mostStarting(need), need.starts)
    if (isMissing && mayStart && this.#backoff.startsAllowedFrom > this.now) {
      holds(next !== null && next <= this.#backoff.startsAllowedFrom, "the back-off ends", () => ({
        next,
        state
      }))
    }
    const idle = [...this.workers.values()].filter((worker) => this.#waits(worker) && worker.leases === 0)
    if (idle.length > 0 && need.ready > state.limits.warmWorkers) {
      const due = Math.min(...idle.map((worker) => worker.lastWorkAt)) + state.limits.idleTimeoutMs
      holds(next !== null && next <= due, "the idle time-out is watched", () => ({ next, due, state }))
    }
    const { maxAgeMs } = state.limits
    const ageing = [...this.workers.values()].filter((worker) => this.#waits(worker))
    const isTheirTurn = !state.workers.some((slot) => slot._tag === "Starting" || isLeaving(slot))
    if (!this.retired && maxAgeMs !== Number.POSITIVE_INFINITY && ageing.length > 0 && isTheirTurn) {
      const old = Math.min(...ageing.map((worker) => worker.readyAt)) + maxAgeMs
      const due = Math.max(old, this.#backoff.startsAllowedFrom)
      holds(next !== null && next <= due, "age is watched", () => ({ next, due, state }))
    }
  }
}
