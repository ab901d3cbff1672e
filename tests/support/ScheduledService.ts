import { Effect, Layer, ManagedRuntime } from "effect"
import { defaultOptions, ServerConfig, type ServerOptions } from "../../src/config/ServerConfig.ts"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import type { FunctionLimits } from "../../src/domain/FunctionSpec.ts"
import type { FunctionId, FunctionName, VersionId, VersionLabel } from "../../src/domain/Ids.ts"
import type { Invocation, Outcome, Target } from "../../src/domain/Invocation.ts"
import { MonotonicClock } from "../../src/domain/MonotonicClock.ts"
import { type InvocationRecord, type LogEntry, LogPipeline } from "../../src/logs/LogPipeline.ts"
import { WorkerPools, layer as workerPoolsLayer } from "../../src/pool/WorkerPools.ts"
import { type Cancel, Scheduler, layer as schedulerLayer } from "../../src/scheduler/Scheduler.ts"
import { fibresSettled, ScriptedWorkers } from "./ScriptedWorkers.ts"
import { SimulatedClock } from "./SimulatedClock.ts"

const pad = (text: string): string => text.padStart(16, "0")

/** What a test says of a target; the rest are small, plain values. */
export interface TargetSketch {
  readonly name?: string
  readonly version?: string
  readonly limits?: Partial<FunctionLimits>
  readonly exposeErrors?: boolean
}

/** A target; the same name and version give the same ids. */
export const targetOf = ({
  exposeErrors = false,
  limits = {},
  name = "fn",
  version = "v1"
}: TargetSketch = {}): Target => ({
  functionId: `func-${pad(name)}` as FunctionId,
  name: name as FunctionName,
  versionId: `ver-${pad(`${name}-${version}`)}` as VersionId,
  version: version as VersionLabel,
  runtime: "bun",
  handler: "handler",
  bundlePath: `/bundles/${name}/${version}/bundle.js`,
  limits: {
    memory_mb: 256,
    timeout_seconds: 30,
    max_concurrent_executions: 1000,
    warm_workers: 0,
    max_workers: 10,
    concurrency: 1,
    idle_timeout_seconds: 300,
    max_worker_invocations: 0,
    max_worker_age_seconds: 0,
    ...limits
  },
  capabilities: profileCapabilities.strict,
  env: {},
  exposeErrors,
  isolation: "worker",
  snapshot: false
})

export const invocationOf = (id: string, fields: Partial<Invocation> = {}): Invocation => ({
  id,
  method: "GET",
  path: "/",
  url: "/",
  headers: {},
  body: null,
  ...fields
})

/** What became of one submitted invocation, as its caller saw it. */
export class Call {
  readonly outcomes: Array<Outcome> = []
  cancelled = false
  readonly #cancel: Cancel

  constructor(submit: (settle: (outcome: Outcome) => void) => Cancel) {
    this.#cancel = submit((outcome) => void this.outcomes.push(outcome))
  }

  get settled(): boolean {
    return this.outcomes.length > 0
  }

  cancel(): void {
    this.cancelled = true
    this.#cancel()
  }

  /** `200`, the tag of an error with what distinguishes it, or `waits`. */
  get story(): string {
    return this.outcomes.map(storyOf).join(" then ") || "waits"
  }
}

export const storyOf = (outcome: Outcome): string => {
  if (outcome._tag === "Success") return String(outcome.result.status)
  const { error } = outcome
  switch (error._tag) {
    case "ExecutionTimeout":
      return `${error._tag}:${error.phase}`
    case "WorkerCrashed":
      return `${error._tag}:${error.cause}`
    case "LimitExceeded":
      return `${error._tag}:${error.limit}`
    default:
      return error._tag
  }
}

/** What the scheduler is made of, and the scheduler itself, each as a test of the tests may spoil it. */
export interface SchedulerParts {
  readonly scheduler: (sound: Scheduler["Type"]) => Scheduler["Type"]
  readonly pools: (sound: WorkerPools["Type"]) => WorkerPools["Type"]
  readonly clock: (sound: MonotonicClock["Type"]) => MonotonicClock["Type"]
  readonly logs: (sound: LogPipeline["Type"]) => LogPipeline["Type"]
  readonly config: (sound: ServerOptions) => ServerOptions
}

const sound = <A>(part: A): A => part
export const soundParts: SchedulerParts = {
  scheduler: sound,
  pools: sound,
  clock: sound,
  logs: sound,
  config: sound
}

/** Scheduler and pools, for real, over scripted workers and a clock that stands still. */
export class ScheduledService {
  readonly clock = new SimulatedClock()
  readonly workers = new ScriptedWorkers()
  readonly records: Array<InvocationRecord> = []
  readonly logs: Array<LogEntry> = []
  readonly scheduler: Scheduler["Type"]
  readonly pools: WorkerPools["Type"]
  readonly #runtime: ManagedRuntime.ManagedRuntime<Scheduler | WorkerPools, never>
  #serial = 0

  constructor(options: Partial<ServerOptions> = {}, parts: SchedulerParts = soundParts) {
    const outside = Layer.mergeAll(
      Layer.succeed(ServerConfig, { ...defaultOptions("/nowhere"), ...options }),
      this.clock.layer,
      this.workers.layer,
      Layer.succeed(LogPipeline, {
        log: (entry) => void this.logs.push(entry),
        record: (record) => void this.records.push(record),
        flushed: Effect.void
      })
    )
    // The pools have theirs as they are.
    const given = Layer.mergeAll(
      Layer.effect(WorkerPools, Effect.map(WorkerPools, parts.pools)),
      Layer.effect(MonotonicClock, Effect.map(MonotonicClock, parts.clock)),
      Layer.effect(ServerConfig, Effect.map(ServerConfig, parts.config)),
      Layer.effect(LogPipeline, Effect.map(LogPipeline, parts.logs))
    )
    const layer = schedulerLayer.pipe(
      Layer.provide(given),
      Layer.provideMerge(workerPoolsLayer),
      Layer.provide(outside)
    )
    this.#runtime = ManagedRuntime.make(layer)
    this.scheduler = parts.scheduler(this.#runtime.runSync(Scheduler))
    this.pools = this.#runtime.runSync(WorkerPools)
  }

  /** Submits an invocation. */
  call(target: Target, fields: Partial<Invocation> = {}): Call {
    const id = fields.id ?? `call-${(this.#serial += 1)}`
    return new Call((settle) => this.scheduler.submit(target, invocationOf(id, fields), settle))
  }

  /** Runs an effect of the control plane in the background. */
  start<A, E>(effect: Effect.Effect<A, E>): Promise<A> {
    return this.#runtime.runPromise(effect)
  }

  settled(): Promise<void> {
    return fibresSettled()
  }

  /** Time goes on; whatever it sets off happens at its instant. */
  async after(ms: number): Promise<void> {
    await this.clock.run(ms, fibresSettled)
    await fibresSettled()
  }

  /** Closes everything; workers that take their time to end do so now. */
  async dispose(): Promise<void> {
    let closed = false
    const closing = this.#runtime.dispose().then(() => {
      closed = true
    })
    while (!closed) {
      for (const worker of this.workers.living) worker.exit()
      await fibresSettled()
    }
    await closing
  }
}
