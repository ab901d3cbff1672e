import { Duration, Effect, Exit } from "effect"
import type { Outcome, Target } from "../../src/domain/Invocation.ts"
import type { WorkerPool } from "../../src/pool/WorkerPool.ts"
import type { Cancel } from "../../src/scheduler/Scheduler.ts"
import {
  invocationOf,
  ScheduledService,
  type SchedulerParts,
  soundParts,
  storyOf,
  targetOf
} from "../support/ScheduledService.ts"
import {
  goodManners,
  type Received,
  type ScriptedWorker,
  type StartScript
} from "../support/ScriptedWorkers.ts"
import { type Setting, startOf } from "./Setting.ts"

/** A deadline's expiry may come this much later than its instant, in simulated milliseconds. */
const TOLERANCE_MS = 20
const ROUNDS_TO_REST = 3_000
/** The grace before a late worker is killed, and the tolerance of its deadline. */
const CANCEL_GRACE_MS = 250
const LATE_WORKER_LIVES_MS = CANCEL_GRACE_MS + TOLERANCE_MS

/** One submitted invocation, as everyone outside the scheduler can see it. */
interface Tracked {
  readonly serial: number
  readonly id: string
  readonly target: Target
  readonly pool: WorkerPool
  readonly submittedAt: number
  readonly deadlineAt: number
  worker: ScriptedWorker | null
  outcome: Outcome | null
  cancelled: boolean
  /** From when on nobody waits for it, unless it has had its answer. */
  unwantedAt: number
  cancel: Cancel
}

/**
 * Callers, workers and deploys around a real scheduler with real pools. It keeps its own books and compares after every
 * step; what goes wrong inside a callback is kept, because the scheduler may not let it out.
 */
export class SchedulerWorld {
  readonly service: ScheduledService
  readonly setting: Setting
  readonly calls: Array<Tracked> = []
  readonly active: Array<Target> = []
  readonly #versions: Array<Array<Target>> = []
  readonly #deploying = new Set<number>()
  readonly #late = new Set<ScriptedWorker>()
  readonly #broken: Array<string> = []
  #spawned = 0
  #returning: number

  constructor(setting: Setting, parts: SchedulerParts = soundParts) {
    this.setting = setting
    this.#returning = setting.returning
    const { maxConcurrentStarts, maxQueueLength, maxWorkersTotal } = setting
    const maxQueueWait = Duration.millis(setting.maxQueueWaitMs)
    const cancelGrace = Duration.millis(CANCEL_GRACE_MS)
    this.service = new ScheduledService(
      { maxConcurrentStarts, maxQueueLength, maxWorkersTotal, maxQueueWait, cancelGrace },
      parts
    )
    const { workers } = this.service
    workers.manners = () => pick(setting.manners, this.#spawned)
    workers.onStart = () => startOf(pick(setting.starts, (this.#spawned += 1)))
    workers.onInvoked = (worker, received) => this.#invoked(worker, received)
    workers.onSpawned = () => {
      this.#holds(workers.live <= setting.maxWorkersTotal, "live workers ≤ max_workers_total", workers.live)
    }
    setting.functions.forEach((limits, index) => {
      const first = targetOf({ name: `fn${index}`, limits })
      this.active.push(first)
      this.#versions.push([first])
    })
  }

  get #now(): number {
    return this.service.clock.now
  }

  // What callers, workers and operators do

  submit(fn: number, deadlineMs: number | null, old: boolean, sameId: boolean): void {
    const target = old ? pick(this.#versions[fn] as Array<Target>, 0) : (this.active[fn] as Target)
    const serial = this.calls.length
    const id = sameId ? "the-same" : `call-${serial}`
    const timeoutMs = Math.min(target.limits.timeout_seconds * 1000, deadlineMs ?? Number.POSITIVE_INFINITY)
    const tracked: Tracked = {
      serial,
      id,
      target,
      pool: this.service.pools.poolFor(target),
      submittedAt: this.#now,
      deadlineAt: this.#now + timeoutMs,
      worker: null,
      outcome: null,
      cancelled: false,
      unwantedAt: this.#now + timeoutMs,
      cancel: () => {}
    }
    this.calls.push(tracked)
    const invocation = invocationOf(id, {
      headers: { "x-serial": String(serial) },
      ...(deadlineMs === null ? {} : { deadlineMs })
    })
    tracked.cancel = this.service.scheduler.submit(target, invocation, (outcome) =>
      this.#settled(tracked, outcome)
    )
  }

  cancel(index: number): void {
    const tracked = pick(this.calls, index)
    if (tracked === undefined) return
    if (tracked.outcome === null) {
      tracked.cancelled = true
      tracked.unwantedAt = Math.min(tracked.unwantedAt, this.#now)
    }
    tracked.cancel()
  }

  /** One worker does something with one of the invocations it has; the newest where `newest`. */
  answer(
    workerIndex: number,
    newest: boolean,
    how: "responds" | "fails" | "runs out of memory" | "gives up"
  ): void {
    const busy = this.service.workers.living.filter((worker) => worker.inFlight.size > 0)
    const worker = pick(busy, workerIndex)
    const ids = [...(worker?.inFlight.keys() ?? [])]
    const id = newest ? ids.at(-1) : ids[0]
    if (worker === undefined || id === undefined) return
    if (how === "responds") this.#respond(worker, id)
    else if (how === "fails") worker.error(id, "HANDLER_ERROR", "thrown")
    else if (how === "gives up") worker.error(id, "CANCELLED")
    else worker.error(id, "OUT_OF_MEMORY")
  }

  worker(index: number, act: (worker: ScriptedWorker) => void): void {
    const worker = pick(this.service.workers.living, index)
    if (worker !== undefined) act(worker)
  }

  start(index: number, script: StartScript): void {
    const worker = pick(this.service.workers.starting, index)
    if (script === "ready") worker?.becomeReady()
    else if (script !== "hangs") worker?.failStart(script)
  }

  /** A deploy as the control plane does it: prepare, publish, retire; a roll-back where the version is an old one. */
  deploy(fn: number, back: boolean): void {
    const versions = this.#versions[fn] as Array<Target>
    if (this.#deploying.has(fn)) return
    this.#deploying.add(fn)
    const before = this.active[fn] as Target
    const next = back
      ? pick(versions, versions.length - 2)
      : targetOf({ name: before.name, version: `v${versions.length + 1}`, limits: before.limits })
    if (!versions.includes(next)) versions.push(next)
    const { pools } = this.service
    const effect = Effect.flatMap(Effect.exit(pools.prepare(next)), (exit) => {
      this.#deploying.delete(fn)
      if (Exit.isFailure(exit) || next === before) return Effect.void
      this.active[fn] = next
      return pools.retire(before.versionId)
    })
    void this.service.start(effect)
  }

  // The books

  #respond(worker: ScriptedWorker, id: string): void {
    const serial = worker.inFlight.get(id)?.payload.headers["x-serial"]
    worker.respond(id, { body: Buffer.from(String(serial)).toString("base64") })
  }

  #invoked(worker: ScriptedWorker, received: Received): void {
    const now = this.#now
    const serial = Number(received.payload.headers["x-serial"])
    const tracked = this.calls[serial] as Tracked
    const { deadlineAt, target } = tracked
    tracked.worker = worker
    this.#holds(tracked.outcome === null && !tracked.cancelled, "nothing is started after its end", serial)
    this.#holds(now < deadlineAt, "nothing is started after its deadline", { serial, now, deadlineAt })
    this.#holds(worker.target.versionId === target.versionId, "an invocation keeps its version", serial)
    this.#holds(!this.#late.has(worker), "a late worker is never reused", worker.id)
    for (const other of this.#callsOn(worker)) {
      this.#holds(other.deadlineAt + TOLERANCE_MS > now, "a late worker is never reused", worker.id)
      const stands = !answersPing(worker) && other.unwantedAt + LATE_WORKER_LIVES_MS <= now
      this.#holds(!stands, "a worker that goes on with a cancelled call and stands gets nothing new", serial)
    }
    const most = worker.manners.features?.includes("concurrency") === true ? target.limits.concurrency : 1
    this.#holds(worker.session.inFlight <= most, "in flight ≤ concurrency", worker.id)
    const ahead = this.calls.find(
      (other) =>
        other.serial < serial &&
        other.pool === tracked.pool &&
        other.worker === null &&
        other.outcome === null &&
        !other.cancelled
    )
    this.#holds(ahead === undefined, "first in, first out", { serial, ahead: ahead?.serial })
    let running = 0
    for (const one of this.service.workers.all) {
      if (one.target.functionId === target.functionId) running += one.session.inFlight
    }
    const { max_concurrent_executions } = target.limits
    this.#holds(running <= max_concurrent_executions, "running ≤ max_concurrent_executions", running)
  }

  #settled(tracked: Tracked, outcome: Outcome): void {
    const now = this.#now
    const story = storyOf(outcome)
    const { deadlineAt, serial, submittedAt } = tracked
    this.#holds(tracked.outcome === null, "one outcome", { serial, story })
    this.#holds(!tracked.cancelled, "no outcome after a cancel", { serial, story })
    tracked.outcome = outcome
    this.#holds(now <= deadlineAt + TOLERANCE_MS, "the deadline is kept", { serial, story, now, deadlineAt })
    if (this.#returning > 0) {
      this.#returning -= 1
      this.submit(Number(tracked.target.name.slice(2)), null, false, false)
    }
    if (outcome._tag === "Success") {
      const body = Buffer.from(outcome.result.body).toString()
      this.#holds(body === String(serial), "everyone gets the own answer", { serial, body })
      return
    }
    const { error } = outcome
    if (error._tag === "ExecutionTimeout") {
      this.#holds(now >= deadlineAt, "no deadline before its instant", { serial, now, deadlineAt })
      this.#holds((error.phase === "run") === (tracked.worker !== null), "the phase is right", serial)
      if (tracked.worker !== null) this.#late.add(tracked.worker)
    } else if (story === "LimitExceeded:queue_time") {
      const waited = now - submittedAt
      this.#holds(waited >= this.setting.maxQueueWaitMs, "no queue time-out before its time", {
        serial,
        waited
      })
      this.#holds(tracked.worker === null, "the queue's time is only for those in it", serial)
    }
    this.#holds(error._tag !== "InvocationCancelled", "a cancel reaches nobody", serial)
    if (error._tag === "WorkerCrashed") {
      this.#holds(tracked.worker !== null, "a crash harms only who is in flight", serial)
      const spared = tracked.worker !== null && answersPing(tracked.worker) && error.cause === "signal"
      this.#holds(!spared, "a late worker that lives may finish the others", serial)
    }
  }

  #holds(condition: boolean, guarantee: string, detail: unknown): void {
    if (!condition) this.#broken.push(`${guarantee}: ${JSON.stringify(detail)}`)
  }

  /** Compares the books with what can be seen; throws with everything that is broken. */
  check(): void {
    const { scheduler, workers, records } = this.service
    const now = this.#now
    this.#holds(workers.hostFaults.length === 0, "the host keeps the protocol", workers.hostFaults)
    this.#holds(
      workers.live <= this.setting.maxWorkersTotal,
      "live workers ≤ max_workers_total",
      workers.live
    )
    const livePerPool = new Map<string, number>()
    for (const worker of workers.living) {
      const pool = worker.id.slice(0, worker.id.indexOf("-"))
      const live = (livePerPool.get(pool) ?? 0) + 1
      livePerPool.set(pool, live)
      this.#holds(live <= worker.target.limits.max_workers, "live workers ≤ max_workers", worker.id)
    }
    for (const { functionId } of this.active) {
      const queued = scheduler.queued(functionId)
      this.#holds(queued <= this.setting.maxQueueLength, "the queue's length is bounded", queued)
      const waiting = this.calls.filter(
        (call) => call.target.functionId === functionId && isWaiting(call)
      ).length
      this.#holds(queued === waiting, "the queue holds those that wait", { queued, waiting })
    }
    for (const worker of workers.living) this.#checkLateness(worker)
    let concluded = 0
    for (const call of this.calls) {
      if (call.outcome !== null || call.cancelled) {
        concluded += 1
        continue
      }
      this.#holds(now <= call.deadlineAt + TOLERANCE_MS, "the deadline is kept", { serial: call.serial, now })
      const patience = call.submittedAt + this.setting.maxQueueWaitMs + TOLERANCE_MS
      this.#holds(call.worker !== null || now <= patience, "the queue's time is kept", {
        serial: call.serial,
        now
      })
    }
    this.#holds(records.length === concluded, "one record per outcome", {
      records: records.length,
      concluded
    })
    if (this.#broken.length > 0) throw new Error(this.#broken.join("\n"))
  }

  #callsOn(worker: ScriptedWorker): Array<Tracked> {
    return [...worker.inFlight.values()].map(
      ({ payload }) => this.calls[Number(payload.headers["x-serial"])] as Tracked
    )
  }

  /**
   * Once its grace is over, a worker is dead that is late, unless it still has others to finish and says that it lives. So
   * is one that goes on with nothing but what nobody waits for: late, or its caller gone.
   */
  #checkLateness(worker: ScriptedWorker): void {
    const calls = this.#callsOn(worker)
    if (calls.length === 0) return
    const long = this.#now - LATE_WORKER_LIVES_MS
    const wanted = calls.some(({ unwantedAt }) => unwantedAt >= long)
    const late = calls.some(({ deadlineAt }) => deadlineAt < long)
    this.#holds(wanted, "a worker for which nobody waits is killed", worker.id)
    this.#holds(answersPing(worker) || !late, "a late worker is killed", worker.id)
  }

  /** From here on all goes well. Whatever is under way comes to its end, and nothing is left over or used up. */
  async comeToRest(): Promise<void> {
    const { service } = this
    const { scheduler, workers } = service
    this.#returning = 0
    workers.onStart = () => "ready"
    workers.manners = () => goodManners
    const underWay = (): boolean =>
      this.#deploying.size > 0 || this.calls.some((call) => call.outcome === null && !call.cancelled)
    await this.#until(() => !underWay(), "everything comes to an end")

    // Nothing was used up: a new version has all the places that it should, once the others are gone.
    for (const [fn, before] of this.active.entries()) {
      const { limits } = before
      this.deploy(fn, false)
      await this.#until(() => this.#deploying.size === 0, "a deploy comes to an end")
      const target = this.active[fn] as Target
      this.#holds(target !== before, "a deploy succeeds where starts do", target.name)
      await this.#until(
        () => workers.all.every(({ inFlight }) => inFlight.size === 0),
        "the old version ends"
      )
      const first = this.calls.length
      const wanted = Math.min(limits.max_concurrent_executions, this.setting.maxQueueLength)
      for (let i = 0; i < wanted; i += 1) this.submit(fn, null, false, false)
      for (let turns = 0; turns < 10; turns += 1) await this.#processesGoOn()
      const places = Math.min(limits.max_concurrent_executions, limits.max_workers * limits.concurrency)
      const running = this.calls.slice(first).filter((call) => call.worker !== null).length
      this.#holds(running === Math.min(wanted, places), "no place is lost", { running, wanted, places })
      await this.#until(() => !underWay(), "everything comes to an end")
      const stories = this.calls
        .slice(first)
        .map(({ outcome }) => (outcome === null ? "waits" : storyOf(outcome)))
      this.#holds(
        stories.every((story) => story === "200"),
        "all is well again",
        stories
      )
    }

    for (const versions of this.#versions) {
      for (const { versionId } of versions) await service.start(service.pools.retire(versionId))
    }
    await this.#until(() => workers.live === 0, "no worker outlives its version")
    await service.after(1_000_000)
    for (const { functionId } of this.active) {
      this.#holds(scheduler.queued(functionId) === 0, "nobody is left waiting", functionId)
      const counts = Object.values(service.pools.countsOf(functionId))
      this.#holds(
        counts.every((count) => count === 0),
        "no worker is left over",
        counts
      )
    }
    const { pools, versions } = service.pools.held()
    this.#holds(pools === 0 && versions === 0, "nothing is kept of what is retired", { pools, versions })
    this.#holds(service.clock.armed === 0, "nothing is armed when nothing happens", service.clock.armed)
    const recorded = service.records.map(({ invocationId }) => invocationId).sort()
    const submitted = this.calls.map(({ id }) => id).sort()
    this.#holds(recorded.join() === submitted.join(), "exactly one record per invocation", {
      recorded,
      submitted
    })
    this.check()
  }

  /** Workers become ready, and end where they were told to. */
  async #processesGoOn(): Promise<void> {
    await this.service.settled()
    for (const worker of this.service.workers.starting) worker.becomeReady()
    for (const worker of this.service.workers.living) worker.exit()
    await this.service.settled()
  }

  async #until(done: () => boolean, guarantee: string): Promise<void> {
    const { service } = this
    for (let rounds = 0; !done(); rounds += 1) {
      if (rounds > ROUNDS_TO_REST) throw new Error(guarantee)
      await this.#processesGoOn()
      for (const worker of service.workers.living) {
        for (const id of worker.inFlight.keys()) this.#respond(worker, id)
      }
      await service.settled()
      this.check()
      if (!done()) await service.after(rounds < 20 ? 1 : 50)
    }
  }
}

const answersPing = ({ manners }: ScriptedWorker): boolean =>
  manners.answersPing && manners.features?.includes("ping") === true

const isWaiting = (call: Tracked): boolean => call.worker === null && call.outcome === null && !call.cancelled

const pick = <A>(from: ReadonlyArray<A>, index: number): A => from[Math.max(0, index) % from.length] as A
