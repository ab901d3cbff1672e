import { Context, Duration, Effect, Layer } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import {
  type ColdStartTimeout,
  type DeploymentFailed,
  ExecutionTimeout,
  InvocationCancelled,
  type InvocationError,
  LimitExceeded,
  ResponseTooLarge,
  ServiceStopping,
  WorkerCrashed
} from "../domain/Errors.ts"
import { endingOf } from "../domain/EndCause.ts"
import type { FunctionId } from "../domain/Ids.ts"
import type { Invocation, InvocationResult, Outcome, Target } from "../domain/Invocation.ts"
import { MonotonicClock } from "../domain/MonotonicClock.ts"
import { type InvocationRecord, LogPipeline } from "../logs/LogPipeline.ts"
import { FifoQueue } from "../domain/FifoQueue.ts"
import type { UseOutcome } from "../pool/UseOutcome.ts"
import type { WorkerPool } from "../pool/WorkerPool.ts"
import { WorkerPools } from "../pool/WorkerPools.ts"
import { describe } from "../protocol/ErrorTable.ts"
import type { ResponsePayload } from "../protocol/worker/Wire.ts"
import { DeadlineClock } from "./DeadlineClock.ts"
import { openFailureLog } from "./FailureLog.ts"
import { type Counts, InvocationCounts } from "./InvocationCounts.ts"
import type { Entry, Lane } from "./Lane.ts"

/** Gives up an invocation whose caller went away. Calling it after the outcome does nothing. */
export type Cancel = () => void

export class Scheduler extends Context.Tag("Scheduler")<
  Scheduler,
  {
    /**
     * Admits an invocation and sees it to its one outcome. `settle` is called exactly once, perhaps before `submit`
     * returns (a full queue), and never after `Cancel`. Plain functions instead of an Effect: a fibre costs a third of
     * the throughput of this path.
     */
    readonly submit: (target: Target, invocation: Invocation, settle: (outcome: Outcome) => void) => Cancel
    /** Invocations of the function that wait for a worker. */
    readonly queued: (functionId: FunctionId) => number
    /** What became of the function's invocations since the server was started. */
    readonly counts: (functionId: FunctionId) => Counts
    /** Takes nothing new from now on (FN_008); what was admitted goes on. */
    readonly stop: () => void
    /** Gives every invocation that is still open its outcome now (FN_008): the drain time is over. */
    readonly abandon: () => void
  }
>() {}

const make = Effect.gen(function* () {
  const config = yield* ServerConfig
  const clock = yield* MonotonicClock
  const pools = yield* WorkerPools
  const { log, record } = yield* LogPipeline
  const failures = yield* openFailureLog
  const deadlines = new DeadlineClock(clock)
  const lanes = new Map<FunctionId, Lane>()
  /** Everything that a worker has and whose caller still waits. */
  const running = new Set<Entry>()
  const counts = new InvocationCounts()
  const maxQueueWaitMs = Duration.toMillis(config.maxQueueWait)
  let stopping = false

  const laneOf = (functionId: FunctionId): Lane => {
    const existing = lanes.get(functionId)
    if (existing !== undefined) return existing
    const lane: Lane = { functionId, running: 0, waiting: 0, queues: new Map(), typicalMs: 0 }
    lanes.set(functionId, lane)
    return lane
  }

  const retryAfter = (lane: Lane, target: Target): number => {
    const places = Math.min(
      target.limits.max_workers * target.limits.concurrency,
      target.limits.max_concurrent_executions
    )
    const seconds = (lane.waiting * lane.typicalMs) / places / 1000
    return Math.min(60, Math.max(1, Math.ceil(seconds)))
  }

  /** The outcome's one record, a line where it failed, and the caller's one answer. */
  const conclude = (entry: Entry, outcome: Outcome, linesCut: number): void => {
    const failed = outcome._tag === "Failure"
    const cancelled = failed && outcome.error._tag === "InvocationCancelled"
    const now = clock.now()
    const { invocation, target, use } = entry
    const started = entry.startedAt >= 0
    running.delete(entry)
    const entered: InvocationRecord = {
      at: Date.now(),
      invocationId: invocation.id,
      functionId: target.functionId,
      functionName: target.name,
      version: target.version,
      workerId: use?.workerId ?? null,
      outcome: cancelled ? "cancelled" : failed ? "error" : "ok",
      status: failed ? null : outcome.result.status,
      code: failed && !cancelled ? describe(outcome.error).code : null,
      detail: failed && !cancelled ? outcome.error.message : null,
      ending: failed ? endingOf(outcome.error) : null,
      coldStart: use?.coldStart ?? null,
      queueMs: (started ? entry.startedAt : now) - entry.admittedAt,
      executionMs: started ? now - entry.startedAt : 0,
      logLinesCut: linesCut
    }
    record(entered)
    counts.add(entered)
    if (cancelled) return
    if (failed) failures.tell(entered, outcome.error)
    try {
      entry.settle(outcome)
    } catch (defect) {
      // The caller's fault must cost neither the worker's place nor the other answers of the same bytes.
      const message = `the outcome of an invocation could not be handed over: ${String(defect)}`
      log({
        at: Date.now(),
        level: "error",
        invocationId: invocation.id,
        workerId: use?.workerId ?? "",
        message
      })
    }
  }

  const fail = (entry: Entry, error: InvocationError, linesCut = 0): void =>
    conclude(entry, { _tag: "Failure", error }, linesCut)

  const leaveQueue = (entry: Entry): void => {
    const { lane, place, pool } = entry
    if (place?.queue == null) return
    const { queue } = place
    queue.leave(place)
    lane.waiting -= 1
    if (queue.length === 0) lane.queues.delete(pool)
  }

  const forgetDeadline = (entry: Entry): void => {
    if (entry.deadline !== null) deadlines.forget(entry.deadline)
    entry.deadline = null
  }

  /** Tells a pool how many of its waiters could run now, had they workers. */
  const tellDemand = (lane: Lane, pool: WorkerPool): void => {
    const waiting = lane.queues.get(pool)?.length ?? 0
    const allowance = Math.max(0, pool.target.limits.max_concurrent_executions - lane.running)
    pool.demand(Math.min(waiting, allowance))
  }

  /** Gives the entry to a worker; false when none has room. */
  const run = (entry: Entry): boolean => {
    const { lane } = entry
    const { phase } = entry
    const now = clock.now()
    // Set before the hand-over: a worker that turns out dead settles from within it.
    entry.phase = "running"
    entry.startedAt = now
    lane.running += 1
    const use = entry.pool.use(entry.invocation, entry.deadlineAt - now, (outcome, linesCut) =>
      settled(entry, outcome, linesCut)
    )
    if (use === null) {
      entry.phase = phase
      entry.startedAt = -1
      lane.running -= 1
      return false
    }
    entry.use = use
    if (entry.phase !== "running") return true
    running.add(entry)
    forgetDeadline(entry)
    entry.deadline = deadlines.watch(entry.deadlineAt, () => expire(entry))
    return true
  }

  const settled = (entry: Entry, outcome: UseOutcome, linesCut: number): void => {
    const { lane, phase } = entry
    forgetDeadline(entry)
    entry.phase = "done"
    lane.running -= 1
    if (phase === "running") {
      conclude(entry, outcomeOf(entry, outcome), linesCut)
      lane.typicalMs += (clock.now() - entry.startedAt - lane.typicalMs) / 16
    }
    if (lane.waiting > 0) pump(lane)
    else if (lane.running === 0 && lanes.get(lane.functionId) === lane) lanes.delete(lane.functionId)
  }

  const outcomeOf = (entry: Entry, outcome: UseOutcome): Outcome => {
    if (outcome._tag === "Failed") {
      const { error } = outcome
      if (error._tag !== "InvocationCancelled") return { _tag: "Failure", error }
      // The caller is still there, and has to hear something. A worker watches the deadline too, and may
      // be heard before our own clock has looked.
      if (clock.now() >= entry.deadlineAt) {
        const timeoutMs = Math.round(entry.deadlineAt - entry.admittedAt)
        return { _tag: "Failure", error: new ExecutionTimeout({ timeoutMs, phase: "run" }) }
      }
      const reason = "it gave up an invocation that nobody had cancelled"
      return { _tag: "Failure", error: new WorkerCrashed({ cause: "protocol", reason }) }
    }
    if (outcome.body.length > config.maxResponseBytes) {
      const bytes = config.maxResponseBytes
      return { _tag: "Failure", error: new ResponseTooLarge({ limit: "max_response_bytes", bytes }) }
    }
    return { _tag: "Success", result: resultOf(entry, outcome.payload, outcome.body) }
  }

  const resultOf = (entry: Entry, payload: ResponsePayload, body: Uint8Array): InvocationResult => ({
    status: payload.status,
    headers: payload.headers,
    body,
    coldStart: entry.use?.coldStart != null,
    executionMs: clock.now() - entry.startedAt,
    queueMs: entry.startedAt - entry.admittedAt
  })

  /** The instant that the entry was watched for has come: its deadline, or the end of its patience in the queue. */
  const expire = (entry: Entry): void => {
    entry.deadline = null
    const { lane, phase, pool, target, use } = entry
    const timeoutMs = Math.round(entry.deadlineAt - entry.admittedAt)
    if (phase === "waiting") {
      leaveQueue(entry)
      entry.phase = "done"
      fail(
        entry,
        clock.now() >= entry.deadlineAt
          ? new ExecutionTimeout({ timeoutMs, phase: "queue" })
          : new LimitExceeded({
              limit: "queue_time",
              value: maxQueueWaitMs,
              retryAfterSeconds: retryAfter(lane, target)
            })
      )
      tellDemand(lane, pool)
    } else if (use !== null && (phase === "running" || phase === "cancelled")) {
      entry.phase = "late"
      if (phase === "running") fail(entry, new ExecutionTimeout({ timeoutMs, phase: "run" }))
      use.expire()
    }
  }

  const cancel = (entry: Entry): void => {
    if (entry.phase === "waiting") {
      leaveQueue(entry)
      forgetDeadline(entry)
      entry.phase = "done"
      fail(entry, new InvocationCancelled({ phase: "queue" }))
      tellDemand(entry.lane, entry.pool)
    } else if (entry.phase === "running") {
      // It keeps its worker's place until the worker answers, or until its deadline.
      entry.phase = "cancelled"
      fail(entry, new InvocationCancelled({ phase: "run" }))
      entry.use?.cancel()
    }
  }

  /** Hands waiting invocations to workers that have room, first in, first out per pool, until one or the other runs out. */
  const pump = (lane: Lane): void => {
    for (const [pool, queue] of lane.queues) {
      const { max_concurrent_executions: most } = pool.target.limits
      while (lane.running < most && pool.hasRoom()) {
        const entry = queue.head
        if (entry === null) break
        if (clock.now() >= entry.deadlineAt) {
          // Its deadline has come, and only the clock has not looked yet: the worker would have to die for it.
          forgetDeadline(entry)
          expire(entry)
          continue
        }
        // Out of the queue first: a hand-over may settle, and pump again, before it returns.
        leaveQueue(entry)
        if (!run(entry)) throw new Error("a pool that has room did not take an invocation")
      }
      tellDemand(lane, pool)
    }
  }

  const refuseWaiters = (
    pool: WorkerPool,
    error: ColdStartTimeout | DeploymentFailed | ServiceStopping
  ): void => {
    const lane = lanes.get(pool.target.functionId)
    const queue = lane?.queues.get(pool)
    if (lane === undefined || queue === undefined) return
    // Those that wait now, and not those that come back because of it.
    for (let left = queue.length; left > 0; left -= 1) {
      const entry = queue.head
      if (entry === null) break
      leaveQueue(entry)
      forgetDeadline(entry)
      entry.phase = "done"
      fail(entry, error)
    }
    tellDemand(lane, pool)
  }

  pools.listen({
    capacity: (pool) => {
      const lane = lanes.get(pool.target.functionId)
      if (lane !== undefined) pump(lane)
    },
    unavailable: refuseWaiters
  })

  const refuse = (entry: Entry, error: InvocationError): Cancel => {
    const { lane, pool } = entry
    entry.phase = "done"
    fail(entry, error)
    // Opened for a late comer of a replaced version, it has nothing to end with but this.
    if (pool.state.phase === "retired") tellDemand(lane, pool)
    return () => {}
  }

  const submit = (target: Target, invocation: Invocation, settle: (outcome: Outcome) => void): Cancel => {
    const now = clock.now()
    const { limits } = target
    const timeoutMs = Math.min(
      limits.timeout_seconds * 1000,
      invocation.deadlineMs ?? Number.POSITIVE_INFINITY
    )
    const lane = laneOf(target.functionId)
    const pool = pools.poolFor(target)
    const entry: Entry = {
      target,
      pool,
      lane,
      invocation,
      settle,
      admittedAt: now,
      deadlineAt: now + timeoutMs,
      phase: "waiting",
      place: null,
      deadline: null,
      use: null,
      startedAt: -1
    }
    if (stopping) return refuse(entry, new ServiceStopping({ retryAfterSeconds: 1 }))
    if (timeoutMs <= 0) return refuse(entry, new ExecutionTimeout({ timeoutMs, phase: "queue" }))
    const free = lane.running < limits.max_concurrent_executions && !lane.queues.has(pool)
    if (free && run(entry)) return () => cancel(entry)
    const refusal =
      lane.waiting >= config.maxQueueLength
        ? new LimitExceeded({
            limit: "queue_length",
            value: lane.waiting,
            retryAfterSeconds: retryAfter(lane, target)
          })
        : pool.unavailable()
    if (refusal !== null) return refuse(entry, refusal)
    let queue = lane.queues.get(pool)
    if (queue === undefined) {
      queue = new FifoQueue()
      lane.queues.set(pool, queue)
    }
    entry.place = queue.push(entry)
    lane.waiting += 1
    entry.deadline = deadlines.watch(Math.min(entry.deadlineAt, now + maxQueueWaitMs), () => expire(entry))
    tellDemand(lane, pool)
    return () => cancel(entry)
  }

  const abandon = (): void => {
    stopping = true
    for (const lane of lanes.values()) {
      for (const pool of [...lane.queues.keys()])
        refuseWaiters(pool, new ServiceStopping({ retryAfterSeconds: 1 }))
    }
    for (const entry of [...running]) {
      entry.phase = "cancelled"
      fail(entry, new ServiceStopping({ retryAfterSeconds: 1 }))
      entry.use?.cancel()
    }
  }

  // What is still open when the server closes gets its outcome too.
  yield* Effect.addFinalizer(() => Effect.sync(abandon))

  return Scheduler.of({
    submit,
    queued: (functionId) => lanes.get(functionId)?.waiting ?? 0,
    counts: (functionId) => counts.of(functionId),
    stop: () => {
      stopping = true
    },
    abandon
  })
})

export const layer: Layer.Layer<Scheduler, never, ServerConfig | MonotonicClock | WorkerPools | LogPipeline> =
  Layer.scoped(Scheduler, make)
