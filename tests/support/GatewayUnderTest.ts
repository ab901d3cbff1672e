import { Effect, Exit, Layer, ManagedRuntime, Redacted } from "effect"
import { defaultOptions, ServerConfig, type ServerOptions } from "../../src/config/ServerConfig.ts"
import { Functions } from "../../src/deploy/Functions.ts"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import { FunctionNotFound, type ManagementError } from "../../src/domain/Errors.ts"
import type { RegisterFunction } from "../../src/domain/FunctionSpec.ts"
import type { FunctionId, FunctionName, VersionId, VersionLabel } from "../../src/domain/Ids.ts"
import type { Headers, Invocation, InvocationResult, Outcome, Target } from "../../src/domain/Invocation.ts"
import * as MonotonicClock from "../../src/domain/MonotonicClock.ts"
import { HttpServer, IDLE_TIMEOUT_SECONDS, layerWithIdleTimeout } from "../../src/gateway/HttpServer.ts"
import { layer as readinessLayer, Readiness, type ReadinessState } from "../../src/gateway/Readiness.ts"
import { type LogEntry, LogPipeline } from "../../src/logs/LogPipeline.ts"
import type {
  DeploymentView,
  DeployRequest,
  FunctionView,
  VersionView
} from "../../src/protocol/Management.ts"
import { BodyBudget } from "../../src/router/BodyBudget.ts"
import { layer as routerLayer, Router } from "../../src/router/Router.ts"
import { Scheduler } from "../../src/scheduler/Scheduler.ts"
import { watchedBudget, type WatchedBudget } from "./WatchedBudget.ts"

/** An invocation that the gateway submitted, and what became of it. */
export interface Submission {
  readonly target: Target
  readonly invocation: Invocation
  readonly settle: (outcome: Outcome) => void
  /** Fulfilled when the gateway gave it up. */
  readonly cancelled: Promise<void>
}

/** What the fake scheduler does with a submission; without one it stays open until the test settles it. */
export type Script = (submission: Submission) => void

export type FunctionsFake = Partial<Functions["Type"]>

export interface GatewayOptions {
  readonly script?: Script
  readonly functions?: FunctionsFake
  readonly config?: Partial<Omit<ServerOptions, "apiKey">>
  readonly apiKey?: string
  /** Of the function `hello`. */
  readonly timeoutSeconds?: number
  readonly idleTimeoutSeconds?: number
}

/** A listening gateway on a port of its own, over fakes of everything behind it. */
export interface GatewayUnderTest extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly router: Router["Type"]
  /** What the bodies of requests hold (`config.maxBufferedBytes`). */
  readonly bodies: WatchedBudget
  readonly submissions: ReadonlyArray<Submission>
  /** The next submission that nobody has taken yet. */
  readonly submitted: () => Promise<Submission>
  readonly logged: ReadonlyArray<LogEntry>
  readonly setReadiness: (state: ReadinessState) => void
  readonly readiness: () => ReadinessState
  readonly drain: () => Promise<void>
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>
}

export const testTarget = (name: string, overrides: Partial<Target> = {}): Target => ({
  functionId: "func-0000000000000001" as FunctionId,
  name: name as FunctionName,
  versionId: "ver-0000000000000001" as VersionId,
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
  capabilities: profileCapabilities.strict,
  env: {},
  isolation: "worker",
  snapshot: false,
  exposeErrors: false,
  ...overrides
})

/** A handler's answer. Text is UTF-8. */
export const answer = (result: {
  readonly status?: number
  readonly headers?: Headers
  readonly body?: string | Uint8Array
}): Outcome => ({
  _tag: "Success",
  result: {
    status: result.status ?? 200,
    headers: result.headers ?? {},
    body:
      typeof result.body === "string"
        ? new TextEncoder().encode(result.body)
        : (result.body ?? new Uint8Array(0)),
    coldStart: false,
    executionMs: 1,
    queueMs: 0
  } satisfies InvocationResult
})

/** Answers every invocation with itself, as JSON (the body in base64). */
export const mirror: Script = ({ invocation, settle }) => {
  const { body, headers, id, method, path, trace, url } = invocation
  settle(
    answer({
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        id,
        method,
        path,
        url,
        headers,
        body: body === null ? null : Buffer.from(body).toString("base64"),
        trace
      })
    })
  )
}

export const functionView = (overrides: Partial<FunctionView> = {}): FunctionView => ({
  function_id: "func-0000000000000001",
  name: "hello",
  runtime: "bun",
  handler: "handler",
  status: "registered",
  state: "REGISTERED",
  active_version: null,
  ...testTarget("hello").limits,
  expose_errors: false,
  isolation: "worker",
  snapshot: false,
  capabilities: profileCapabilities.strict,
  env: [],
  workers: { starting: 0, warm: 0, busy: 0, idle: 0, draining: 0 },
  quarantine: null,
  invocations: { ok: 0, failed: {}, cold_starts: {} },
  queued: 0,
  created_at: "2026-01-27T10:00:00.000Z",
  updated_at: "2026-01-27T10:00:00.000Z",
  ...overrides
})

export const deploymentView = (overrides: Partial<DeploymentView> = {}): DeploymentView => ({
  deployment_id: "deploy-0000000000000001",
  function_id: "func-0000000000000001",
  name: "hello",
  version: "v1",
  status: "deployed",
  sha256: "0".repeat(64),
  size_bytes: 3,
  created_at: "2026-01-27T10:00:00.000Z",
  ...overrides
})

const deletion = { function_id: "func-0000000000000001", name: "hello", status: "deleted" } as const

/** Remembers what it was asked, and knows no function but those that the test says. */
export class RecordingFunctions {
  readonly registered: Array<RegisterFunction> = []
  readonly deployed: Array<{ readonly nameOrId: string; readonly request: DeployRequest }> = []
  readonly fake: Functions["Type"]

  constructor(overrides: FunctionsFake = {}) {
    const unknown = (nameOrId: string): Effect.Effect<never, ManagementError> =>
      Effect.fail(new FunctionNotFound({ function: nameOrId, reason: "unknown" }))
    this.fake = {
      register: (input) =>
        Effect.sync(() => {
          this.registered.push(input)
          return functionView({ name: input.name, runtime: input.runtime })
        }),
      deploy: (nameOrId, request) =>
        Effect.sync(() => {
          this.deployed.push({ nameOrId, request })
          return deploymentView({ version: request.version })
        }),
      rollback: (_, { version = "v0" }) => Effect.succeed({ ...deploymentView({ version }), replaced: "v1" }),
      deleteFunction: () => Effect.succeed(deletion),
      deleteVersion: (_, version) => Effect.succeed({ ...deletion, version }),
      reset: () =>
        Effect.succeed({ function_id: deletion.function_id, name: deletion.name, was_quarantined: true }),
      get: unknown,
      list: Effect.succeed([]),
      versions: (nameOrId): Effect.Effect<ReadonlyArray<VersionView>, ManagementError> => unknown(nameOrId),
      restore: Effect.succeed(0),
      runtimes: { bun: { available: true }, "quickjs-ng": { available: false, reason: "not built" } },
      system: Effect.succeed({
        version: "1.0.0",
        runtimes: { bun: { available: true }, "quickjs-ng": { available: false, reason: "not built" } },
        memory_limits: { bun: { by: "cgroup" as const, cgroup_version: 2 as const } },
        spare_workers: { bun: 1 }
      }),
      ...overrides
    }
  }
}

export const startGateway = async (options: GatewayOptions = {}): Promise<GatewayUnderTest> => {
  const submissions: Array<Submission> = []
  const untaken: Array<Submission> = []
  let takers: Array<(submission: Submission) => void> = []
  const logged: Array<LogEntry> = []

  const scheduler = Scheduler.of({
    submit: (target, invocation, settle) => {
      let cancel = () => {}
      const cancelled = new Promise<void>((resolve) => (cancel = resolve))
      const submission: Submission = { target, invocation, settle, cancelled }
      submissions.push(submission)
      const [taker, ...others] = takers
      takers = others
      if (taker === undefined) untaken.push(submission)
      else taker(submission)
      options.script?.(submission)
      return cancel
    },
    queued: () => 0,
    counts: () => ({ ok: 0, failed: {}, cold_starts: {} }),
    stop: () => {},
    abandon: () => {}
  })
  const config: ServerOptions = {
    ...defaultOptions("/nowhere"),
    httpPort: 0,
    ...options.config,
    ...(options.apiKey === undefined ? {} : { apiKey: Redacted.make(options.apiKey) })
  }
  const bodies = watchedBudget(config.maxBufferedBytes)
  const fakes = Layer.mergeAll(
    Layer.succeed(BodyBudget, bodies.budget),
    Layer.succeed(ServerConfig, config),
    Layer.succeed(Scheduler, scheduler),
    Layer.succeed(LogPipeline, {
      log: (entry) => logged.push(entry),
      record: () => {},
      flushed: Effect.void
    }),
    Layer.succeed(Functions, new RecordingFunctions(options.functions).fake),
    MonotonicClock.layer,
    readinessLayer,
    routerLayer
  )
  const runtime = ManagedRuntime.make(
    Layer.provideMerge(layerWithIdleTimeout(options.idleTimeoutSeconds ?? IDLE_TIMEOUT_SECONDS), fakes)
  )
  const exit = await runtime.runPromiseExit(Effect.all([HttpServer, Router, Readiness]))
  if (Exit.isFailure(exit)) {
    await runtime.dispose()
    throw new Error(String(exit.cause), { cause: exit.cause })
  }
  const [server, router, readiness] = exit.value
  const limits = { ...testTarget("hello").limits, timeout_seconds: options.timeoutSeconds ?? 30 }
  router.publish(testTarget("hello", { limits }))
  return {
    url: server.address.url,
    port: server.address.port,
    router,
    bodies,
    submissions,
    submitted: () => {
      const next = untaken.shift()
      return next === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(next)
    },
    logged,
    setReadiness: (state) => (readiness.state = state),
    readiness: () => readiness.state,
    drain: () => runtime.runPromise(server.drain),
    fetch: (path, init) => fetch(`${server.address.url}${path}`, { redirect: "manual", ...init }),
    [Symbol.asyncDispose]: () => runtime.dispose()
  }
}
