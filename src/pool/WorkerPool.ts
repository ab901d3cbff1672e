import { Deferred, Effect, FiberId } from "effect"
import type { ColdStart } from "../domain/ColdStart.ts"
import type { ColdStartTimeout, DeploymentFailed } from "../domain/Errors.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { Invocation, Target } from "../domain/Invocation.ts"
import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import type { LogPipeline } from "../logs/LogPipeline.ts"
import type { WorkerCounts } from "../protocol/Management.ts"
import type { WorkerAnswer, WorkerFault } from "../worker/WorkerAnswer.ts"
import type { StartFailure, Worker, WorkerSpawner } from "../worker/WorkerSpawner.ts"
import { poolLimits } from "./poolLimits.ts"
import * as PoolState from "./PoolState.ts"
import { type Quarantine, quarantineOf } from "./Quarantine.ts"
import type { StartBudget } from "./StartBudget.ts"
import { startFailureOf, unavailableBecause } from "./startFailure.ts"
import { type Occupied, Use, type UseOwner } from "./Use.ts"
import { handlersWords, outcomeOf, type UseSettle } from "./UseOutcome.ts"

/** Who gives the pool work: the scheduler. Both are called synchronously, after the pool's state has been changed. */
export interface PoolListener {
  /** Some worker has room. */
  readonly capacity: (pool: WorkerPool) => void
  /** No worker lives, none is starting, and this is why: what waits for this pool cannot be served now. */
  readonly unavailable: (pool: WorkerPool, error: ColdStartTimeout | DeploymentFailed) => void
}

export interface PoolServices {
  readonly spawner: WorkerSpawner["Type"]
  readonly clock: MonotonicClock["Type"]
  readonly log: LogPipeline["Type"]["log"]
  readonly budget: StartBudget
  /** Between cancelling an invocation (late, or its caller gone) and killing its worker, in milliseconds. */
  readonly cancelGraceMs: number
  /** What a worker's refusal of an answer that is too large names. */
  readonly maxResponseBytes: number
  readonly listener: () => PoolListener
  /** Runs a worker's life in the background, within the scope of all pools. */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** A retired pool's last worker is gone. */
  readonly emptied: (pool: WorkerPool) => void
}

interface Handle extends Occupied {
  readonly stop: Deferred.Deferred<PoolState.StopCause>
  worker: Worker | null
  /** When it was asked for, and when it might begin: monotonic. */
  readonly askedAt: number
  grantedAt: number
  /** Invocations in flight that nobody waits for any more. */
  unwanted: number
  /** Takes back the request for a place in the budget; null once it was granted, and a fibre lives the worker's life. */
  withdraw: (() => void) | null
}

// A back-off shorter than this is waited for in the queue; over it a caller is told at once when to come back.
const PATIENCE_MS = 1_000

/** Carries out what `PoolState.transition` says: the effectful shell of one function version's pool. */
export class WorkerPool {
  readonly target: Target
  readonly #services: PoolServices
  readonly #handles = new Map<WorkerId, Handle>()
  readonly #uses: UseOwner
  readonly #awaitingReady = new Set<(failure: ColdStartTimeout | DeploymentFailed | null) => void>()
  #state: PoolState.PoolState
  #disarm: (() => void) | null = null
  #armedFor = Number.POSITIVE_INFINITY
  #lastFailure: StartFailure | null = null
  /** How a ready worker last came to its end by itself. */
  #lastCrash: string | null = null

  constructor(target: Target, prefix: string, services: PoolServices) {
    this.target = target
    this.#services = services
    this.#state = PoolState.initial(poolLimits(target), prefix)
    this.#uses = {
      clock: services.clock,
      graceMs: services.cancelGraceMs,
      condemn: (id, why) => this.#condemn(id, why),
      endIfUnwanted: (id) => this.#endIfUnwanted(id)
    }
  }

  get state(): PoolState.PoolState {
    return this.#state
  }

  counts(): WorkerCounts {
    return PoolState.counts(this.#state, this.#services.clock.now())
  }

  hasRoom(): boolean {
    return this.#choose() !== null
  }

  /** The worker to use next. One that has died, with its end not worked through yet, harms nobody any more. */
  #choose(): WorkerId | null {
    for (;;) {
      const id = PoolState.choose(this.#state)
      const worker = id === null ? null : this.#handles.get(id)?.worker
      if (id === null || worker == null) return null
      const fault = worker.session.lost
      if (fault === null) return id
      this.#reportEnd(id, fault.reason)
      this.#lost(id, fault)
    }
  }

  #lost(id: WorkerId, { kind, reason }: WorkerFault): void {
    this.#lastCrash = reason
    this.#dispatch({ _tag: "WorkerLost", worker: id, why: kind === "memory" ? "memory" : "fault" })
  }

  /**
   * Gives the invocation to a worker that has room; null when none has: then tell the pool by `demand` that somebody waits.
   * `budgetMs` is what is left of the invocation's time; keeping it is the caller's business, by `expire`.
   */
  use(invocation: Invocation, budgetMs: number, settle: UseSettle): Use | null {
    const id = this.#choose()
    const handle = id === null ? undefined : this.#handles.get(id)
    const worker = handle?.worker
    if (id === null || handle === undefined || worker == null) return null
    const slot = this.#state.workers.find((one) => one.id === id)
    const coldStart: ColdStart | null =
      slot?._tag === "Ready" && slot.served === 0
        ? { cause: slot.cause, waitMs: handle.grantedAt - handle.askedAt, ...worker.startup }
        : null
    this.#dispatch({ _tag: "Leased", worker: id })
    const use = new Use(id, coldStart, worker, handle, this.#uses)
    use.wireId = worker.session.invoke(invocation, budgetMs, (answer, linesCut) => {
      const outcome = outcomeOf(answer, this.target, this.#services.maxResponseBytes)
      const words = handlersWords(answer, this.target)
      if (words !== null) this.#services.log({ ...this.#about(id), ...words, invocationId: invocation.id })
      // By itself, at its deadline: it was faster than we were to notice.
      const gaveUp = use.isWanted && answer._tag === "Error" && answer.payload.code === "CANCELLED"
      if (gaveUp) this.#condemn(id, "late")
      use.over()
      this.#giveBack(id, handle, answer)
      settle(outcome, linesCut)
    })
    return use
  }

  #giveBack(id: WorkerId, handle: Handle, answer: WorkerAnswer): void {
    if (answer._tag === "Lost") return this.#lost(id, answer.fault)
    if (answer._tag === "Error" && answer.payload.code === "OUT_OF_MEMORY") {
      this.#condemn(id, "memory")
    }
    this.#dispatch({ _tag: "Released", worker: id, succeeded: answer._tag === "Response" })
    if (handle.unwanted > 0) this.#endIfUnwanted(id)
    this.#services.budget.relieve()
  }

  /** So many invocations wait for this pool. */
  demand(waiting: number): void {
    this.#dispatch({ _tag: "DemandChanged", waiting })
    const { budget } = this.#services
    if (waiting > 0) return budget.urge(this)
    budget.relieve()
    this.#leaveIfEmpty()
  }

  /** Why nobody should wait here now, or null: no worker lives, and the next start is some time away. */
  unavailable(): ColdStartTimeout | DeploymentFailed | null {
    const { backoffUntil, quarantinedSince, workers } = this.#state
    if (workers.length > 0 || (this.#lastFailure === null && quarantinedSince === null)) return null
    return backoffUntil - this.#services.clock.now() > PATIENCE_MS ? this.#failure() : null
  }

  /** Starts the warm workers. */
  warm(): void {
    this.#dispatch({ _tag: "Tick" })
  }

  /** Waits until a worker is ready, starting one if there is none. */
  get ready(): Effect.Effect<void, ColdStartTimeout | DeploymentFailed> {
    return Effect.async((resume) => {
      if (this.#state.workers.some((slot) => slot._tag === "Ready")) return resume(Effect.void)
      const settle = (failure: ColdStartTimeout | DeploymentFailed | null): void => {
        this.#awaitingReady.delete(settle)
        resume(failure === null ? Effect.void : Effect.fail(failure))
      }
      this.#awaitingReady.add(settle)
      this.#dispatch({ _tag: "WorkersWanted", count: 1, cause: "deploy" })
      return Effect.sync(() => this.#awaitingReady.delete(settle))
    })
  }

  /** Why it starts no workers, or null. */
  quarantine(): Quarantine | null {
    const last = this.#state.failedStarts > 0 ? (this.#lastFailure?.message ?? null) : this.#lastCrash
    return quarantineOf(this.#state, this.target.name, last, this.#services.clock.now())
  }

  /** Forgets what failed before, and starts what is wanted: someone has mended it, or wants it tried. */
  reset(): void {
    this.#dispatch({ _tag: "Reset" })
  }

  /** Another version took over: what waits is still served, then every worker ends. */
  retire(): void {
    this.#dispatch({ _tag: "Retired" })
  }

  /** Ends the worker that has been idle longest, if there is one to spare; true if so. For the machine's worker budget. */
  spare(): boolean {
    let oldest: (PoolState.WorkerSlot & { _tag: "Ready" }) | null = null
    for (const slot of this.#state.workers) {
      if (slot._tag !== "Ready" || slot.inFlight > 0) continue
      if (oldest === null || slot.idleSince < oldest.idleSince) oldest = slot
    }
    if (oldest === null || this.#state.demand > 0) return false
    this.#dispatch({ _tag: "Condemned", worker: oldest.id, why: "idle" })
    return true
  }

  /** Places in the machine's budget that it means to keep: those of workers on their way out do not count. */
  get kept(): number {
    let count = 0
    for (const { _tag, id } of this.#state.workers)
      if (_tag === "Ready" || (_tag === "Starting" && this.#handles.get(id)?.withdraw === null)) count += 1
    return count
  }

  /**
   * Ends the worker that has least in hand, after that, of those that have been ready for `leastMs`; true if there is one.
   * For the machine's worker budget.
   */
  giveUp(leastMs: number): boolean {
    const before = this.#services.clock.now() - leastMs
    let chosen: (PoolState.WorkerSlot & { _tag: "Ready" }) | null = null
    for (const slot of this.#state.workers) {
      if (slot._tag !== "Ready" || slot.readySince > before) continue
      if (chosen === null || slot.inFlight < chosen.inFlight) chosen = slot
    }
    if (chosen === null) return false
    this.#condemn(chosen.id, "reclaimed")
    return true
  }

  #dispatch(event: PoolState.PoolEvent): void {
    const before = this.#state.quarantinedSince
    const step = PoolState.transition(this.#state, event, this.#services.clock.now())
    this.#state = step.state
    if (before !== step.state.quarantinedSince) this.#tellQuarantine()
    let offered = false
    for (const action of step.actions) {
      if (action._tag === "Start") this.#start(action.worker)
      else if (action._tag === "Stop") this.#stop(action.worker, action.why)
      else offered = true
    }
    // The data plane's two events only look at the clock when nothing does.
    const hot = event._tag === "Leased" || event._tag === "Released"
    if (!hot || this.#disarm === null || this.#state.limits.mostInvocations !== Number.POSITIVE_INFINITY)
      this.#arm()
    // Last, because the scheduler leases from within this call.
    if (offered && this.#state.demand > 0) this.#services.listener().capacity(this)
  }

  #arm(): void {
    const next = PoolState.nextTick(this.#state)
    if (next === null || next >= this.#armedFor) return
    this.#disarm?.()
    this.#armedFor = next
    this.#disarm = this.#services.clock.after(next - this.#services.clock.now(), () => {
      this.#disarm = null
      this.#armedFor = Number.POSITIVE_INFINITY
      this.#dispatch({ _tag: "Tick" })
    })
  }

  #start(id: WorkerId): void {
    const { budget, fork, spawner } = this.#services
    const handle: Handle = {
      stop: Deferred.unsafeMake<PoolState.StopCause>(FiberId.none),
      worker: null,
      askedAt: this.#services.clock.now(),
      grantedAt: 0,
      unwanted: 0,
      withdraw: null
    }
    this.#handles.set(id, handle)
    const urgent = this.#state.demand > 0 || this.#awaitingReady.size > 0
    let granted = false
    const withdraw = budget.request(this, urgent, (permit) => {
      granted = true
      handle.withdraw = null
      handle.grantedAt = this.#services.clock.now()
      // The process belongs to this scope: whichever way the life ends, it is reaped before the pool hears of it.
      const life = Effect.scoped(
        Effect.gen(this, function* () {
          const worker = yield* spawner.spawn(this.target, id)
          permit.started()
          handle.worker = worker
          this.#becameReady(id, worker)
          const fault = yield* worker.ended
          this.#reportEnd(id, fault.reason)
          // Before the process is reaped and its folder removed: the next one can start meanwhile.
          this.#lost(id, fault)
        })
      )
      fork(
        Effect.raceFirst(life, Effect.asVoid(Deferred.await(handle.stop))).pipe(
          Effect.exit,
          Effect.map((exit) => {
            permit.released()
            this.#ended(id, handle.worker === null ? startFailureOf(exit) : null)
          })
        )
      )
    })
    if (!granted) handle.withdraw = withdraw
  }

  #stop(id: WorkerId, why: PoolState.StopCause): void {
    const handle = this.#handles.get(id)
    if (handle === undefined) return
    if (why === "fault" || why === "memory") handle.worker?.kill()
    if (handle.withdraw === null) return Deferred.unsafeDone(handle.stop, Effect.succeed(why))
    // Its start was not granted yet: there is no process, and no fibre that would report its end.
    handle.withdraw()
    this.#ended(id, null)
  }

  #becameReady(id: WorkerId, worker: Worker): void {
    this.#lastFailure = null
    this.#dispatch({
      _tag: "WorkerReady",
      worker: id,
      concurrency: worker.multiplexes ? this.target.limits.concurrency : 1
    })
    for (const settle of [...this.#awaitingReady]) settle(null)
    this.#services.budget.relieve()
  }

  #ended(id: WorkerId, failure: StartFailure | null): void {
    this.#handles.delete(id)
    if (failure === null) {
      this.#dispatch({ _tag: "WorkerExited", worker: id })
      // Whoever waits would do so for as long as it is quarantined.
      const refusal =
        this.#state.demand > 0 && this.#state.quarantinedSince !== null ? this.unavailable() : null
      if (refusal !== null) this.#services.listener().unavailable(this, refusal)
    } else {
      this.#lastFailure = failure
      this.#dispatch({ _tag: "StartFailed", worker: id })
      const hopeless = this.#state.workers.every(({ _tag }) => _tag === "Stopping" || _tag === "Draining")
      // A deployment that waits for a worker is told why there is none, and says so itself.
      if (this.#awaitingReady.size === 0)
        this.#report("error", id, `a worker of ${this.target.name} did not start: ${failure.message}`)
      if (hopeless) {
        const error = this.#failure()
        for (const settle of [...this.#awaitingReady]) settle(error)
        this.#services.listener().unavailable(this, error)
      }
    }
    // Somebody waits for a first worker, and until now there was no room to start one.
    if (this.#awaitingReady.size > 0) this.#dispatch({ _tag: "WorkersWanted", count: 1, cause: "deploy" })
    this.#leaveIfEmpty()
  }

  #leaveIfEmpty(): void {
    const { demand, phase, workers } = this.#state
    if (phase !== "retired" || workers.length > 0 || demand > 0) return
    this.#disarm?.()
    this.#services.emptied(this)
  }

  #failure(): ColdStartTimeout | DeploymentFailed {
    const waitMs = this.#state.backoffUntil - this.#services.clock.now()
    return unavailableBecause(this.#lastFailure, waitMs, this.quarantine())
  }

  #tellQuarantine(): void {
    const quarantine = this.quarantine()
    this.#services.log({
      ...this.#aboutTarget(),
      ...(quarantine === null
        ? { level: "info", message: "out of quarantine" }
        : { level: "error", message: quarantine.reason })
    })
  }

  #condemn(id: WorkerId, why: PoolState.StopCause): void {
    this.#dispatch({ _tag: "Condemned", worker: id, why })
  }

  /** Kills a worker all of whose invocations nobody waits for any more. */
  #endIfUnwanted(id: WorkerId): void {
    const handle = this.#handles.get(id)
    const slot = this.#state.workers.find((one) => one.id === id)
    if (handle === undefined || (slot?._tag !== "Ready" && slot?._tag !== "Draining")) return
    if (slot.inFlight === 0 || slot.inFlight > handle.unwanted) return
    // No crash of its own, if it was ready until now.
    if (slot._tag === "Ready") this.#condemn(id, "cancelled")
    handle.worker?.kill()
  }

  #reportEnd(id: WorkerId, reason: string): void {
    const slot = this.#state.workers.find((one) => one.id === id)
    if (slot?._tag === "Ready") this.#report("error", id, `a worker of ${this.target.name} ${reason}`)
  }

  #report(level: "warn" | "error", id: WorkerId, message: string): void {
    this.#services.log({ ...this.#about(id), level, message })
  }

  #about(id: WorkerId) {
    return { ...this.#aboutTarget(), workerId: id }
  }

  #aboutTarget() {
    return {
      at: Date.now(),
      functionId: this.target.functionId,
      functionName: this.target.name,
      version: this.target.version
    }
  }
}
