import { Duration, Effect, Layer, ManagedRuntime, TestClock, TestContext } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import { FunctionNotFound } from "../../src/domain/Errors.ts"
import type { FunctionId, FunctionName, VersionId, VersionLabel } from "../../src/domain/Ids.ts"
import type { Invocation, InvocationResult, Outcome, Target } from "../../src/domain/Invocation.ts"
import { Functions } from "../../src/deploy/Functions.ts"
import { defaultIpcOptions, type IpcOptions, IpcServer, make } from "../../src/ipc/IpcServer.ts"
import { LogPipeline } from "../../src/logs/LogPipeline.ts"
import type { DeploymentView, FunctionView, VersionView } from "../../src/protocol/Management.ts"
import { BodyBudget } from "../../src/router/BodyBudget.ts"
import * as Router from "../../src/router/Router.ts"
import { Scheduler } from "../../src/scheduler/Scheduler.ts"
import { watchedBudget, type WatchedBudget } from "./WatchedBudget.ts"

/** A function that can be invoked under the name `hello-world`. */
export const target: Target = {
  functionId: "func-4c7r0tq9x2m8k5zd" as FunctionId,
  name: "hello-world" as FunctionName,
  versionId: "ver-4c7r0tq9x2m8k5zd" as VersionId,
  version: "v1" as VersionLabel,
  runtime: "bun",
  handler: "handler",
  bundlePath: "/nowhere/bundle.js",
  limits: {
    memory_mb: 256,
    timeout_seconds: 30,
    max_concurrent_executions: 1000,
    warm_workers: 0,
    max_workers: 10,
    concurrency: 1,
    idle_timeout_seconds: 300,
    max_worker_invocations: 0,
    max_worker_age_seconds: 0
  },
  capabilities: profileCapabilities.permissive,
  env: {},
  isolation: "worker",
  snapshot: false,
  exposeErrors: false
}

export const functionView = (name: string): FunctionView => ({
  function_id: target.functionId,
  name,
  runtime: "bun",
  handler: "handler",
  status: "registered",
  state: "REGISTERED",
  active_version: null,
  ...target.limits,
  expose_errors: false,
  isolation: "worker",
  snapshot: false,
  capabilities: profileCapabilities.permissive,
  env: [],
  workers: { starting: 0, warm: 0, busy: 0, idle: 0, draining: 0 },
  quarantine: null,
  invocations: { ok: 0, failed: {}, cold_starts: {} },
  queued: 0,
  created_at: "2026-01-27T10:00:00.000Z",
  updated_at: "2026-01-27T10:00:00.000Z"
})

export const deploymentView = (name: string, version: string): DeploymentView => ({
  deployment_id: "deploy-4c7r0tq9x2m8k5zd",
  function_id: target.functionId,
  name,
  version,
  status: "deployed",
  sha256: "0".repeat(64),
  size_bytes: 10,
  created_at: "2026-01-27T10:00:00.000Z"
})

export const versionView = (version: string): VersionView => ({
  id: target.versionId,
  version,
  active: true,
  size_bytes: 10,
  sha256: "0".repeat(64),
  bundle_path: "/nowhere/bundle.js",
  created_at: "2026-01-27T10:00:00.000Z"
})

/** An invocation that reached the scheduler and waits for the test to say how it ends. */
export interface Submission {
  readonly invocation: Invocation
  readonly cancelled: () => boolean
  readonly settle: (outcome: Outcome) => void
  readonly answer: (result?: Partial<InvocationResult>) => void
}

/** What comes in one by one, and whoever waits for it. */
export class Arrivals<A> {
  readonly #here: Array<A> = []
  readonly #waiting: Array<(value: A) => void> = []

  get count(): number {
    return this.#here.length
  }
  add(value: A): void {
    const first = this.#waiting.shift()
    if (first === undefined) this.#here.push(value)
    else first(value)
  }
  next(): Promise<A> {
    const value = this.#here.shift()
    return value === undefined
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(value)
  }
}

export interface IpcHarness {
  readonly path: string
  readonly folder: string
  readonly server: IpcServer["Type"]
  readonly submissions: Arrivals<Submission>
  /** What the payloads of requests hold. */
  readonly bodies: WatchedBudget
  /** What the service wrote into its log. */
  readonly logged: ReadonlyArray<string>
  /** Moves the server's clock, where it was asked for. */
  readonly pass: (time: Duration.DurationInput) => Promise<void>
  readonly drain: () => Promise<void>
  readonly stop: () => Promise<void>
}

export interface HarnessOptions extends Partial<IpcOptions> {
  /** Time stands still until the test moves it. */
  readonly testClock?: boolean
  readonly maxBufferedBytes?: number
  readonly functions?: Partial<Functions["Type"]>
  /** Called for each invocation, before it is put among the arrivals; true: it is dealt with. */
  readonly onSubmit?: (submission: Submission) => boolean
}

const quiet: Functions["Type"] = {
  register: (input) => Effect.succeed(functionView(input.name)),
  deploy: (nameOrId, { version }) => Effect.succeed(deploymentView(nameOrId, version)),
  rollback: (nameOrId, { version = "v0" }) =>
    Effect.succeed({ ...deploymentView(nameOrId, version), replaced: "v1" }),
  deleteFunction: (name) => Effect.succeed({ function_id: target.functionId, name, status: "deleted" }),
  deleteVersion: (name, version) =>
    Effect.succeed({ function_id: target.functionId, name, version, status: "deleted" }),
  reset: (name) => Effect.succeed({ function_id: target.functionId, name, was_quarantined: true }),
  get: (nameOrId) =>
    nameOrId === "nope"
      ? new FunctionNotFound({ function: nameOrId, reason: "unknown" })
      : Effect.succeed(functionView(nameOrId)),
  list: Effect.succeed([functionView("hello-world")]),
  versions: () => Effect.succeed([versionView("v1")]),
  restore: Effect.succeed(0),
  runtimes: { bun: { available: true } },
  system: Effect.succeed({
    version: "1.0.0",
    runtimes: { bun: { available: true } },
    memory_limits: {},
    spare_workers: {}
  })
}

/** The real socket server on a real socket, with everything behind it played by the test. */
export const startIpc = async (options: HarnessOptions = {}): Promise<IpcHarness> => {
  const { functions, maxBufferedBytes = 256 << 20, onSubmit, testClock = false, ...limits } = options
  const folder = mkdtempSync(join(tmpdir(), "bunbase-ipc-"))
  const socketPath = limits.socketPath ?? join(folder, "s.sock")
  const submissions = new Arrivals<Submission>()
  const logged: Array<string> = []

  const scheduler = Layer.succeed(Scheduler, {
    submit: (_, invocation, settle) => {
      let over = false
      let cancelled = false
      const end = (outcome: Outcome) => {
        if (!over) settle(outcome)
        over = true
      }
      const submission: Submission = {
        invocation,
        cancelled: () => cancelled,
        settle: end,
        answer: (result) => end({ _tag: "Success", result: { ...emptyResult, ...result } })
      }
      if (onSubmit?.(submission) !== true) submissions.add(submission)
      return () => {
        if (over) return
        over = true
        cancelled = true
      }
    },
    queued: () => 0,
    counts: () => ({ ok: 0, failed: {}, cold_starts: {} }),
    stop: () => {},
    abandon: () => {}
  })
  const bodies = watchedBudget(maxBufferedBytes)
  const services = Layer.mergeAll(
    Layer.succeed(BodyBudget, bodies.budget),
    scheduler,
    Layer.effectDiscard(Effect.map(Router.Router, (router) => router.publish(target))).pipe(
      Layer.provideMerge(Router.layer)
    ),
    Layer.succeed(Functions, { ...quiet, ...functions }),
    Layer.succeed(LogPipeline, {
      log: ({ message }) => void logged.push(message),
      record: () => {},
      flushed: Effect.void
    })
  )
  const ipc = Layer.scoped(
    IpcServer,
    make({ ...defaultIpcOptions, maxRequestBytes: 10 << 20, ...limits, socketPath })
  ).pipe(Layer.provide(services))
  const runtime = ManagedRuntime.make(testClock ? Layer.provideMerge(ipc, TestContext.TestContext) : ipc)
  const clear = () => rmSync(folder, { recursive: true, force: true })
  let server: IpcServer["Type"]
  try {
    server = await runtime.runPromise(IpcServer)
  } catch (error) {
    clear()
    throw error
  }
  return {
    path: socketPath,
    folder,
    server,
    submissions,
    bodies,
    logged,
    pass: (time) => runtime.runPromise(TestClock.adjust(time)),
    drain: () => runtime.runPromise(server.drain),
    stop: async () => {
      await runtime.dispose()
      clear()
    }
  }
}

const emptyResult: InvocationResult = {
  status: 200,
  headers: {},
  body: new Uint8Array(0),
  coldStart: false,
  executionMs: 1,
  queueMs: 0
}
