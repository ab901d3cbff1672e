import { Deferred, Duration, Effect, type Scope } from "effect"
import { existsSync } from "node:fs"
import type { StartTimes } from "../domain/ColdStart.ts"
import { DeploymentFailed } from "../domain/Errors.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"
import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import type { LogEntry, LogPipeline } from "../logs/LogPipeline.ts"
import type { ErrorPayload, LoadPayload, LogPayload, ReadyPayload } from "../protocol/worker/Wire.ts"
import type { HeldMemory } from "./memory/MemoryLimits.ts"
import { HostCalls } from "./HostCalls.ts"
import type { FetchRules } from "./HostFetch.ts"
import { readiness } from "./readiness.ts"
import { SocketTransport, type TransportEvents } from "./SocketTransport.ts"
import type { WorkerFault } from "./WorkerAnswer.ts"
import { WorkerSession } from "./WorkerSession.ts"
import { type StartFailure, type Worker, WorkerStartFailed } from "./WorkerSpawner.ts"

/** How long the bytes that a worker wrote before its end may take to arrive, and an exit to follow a closed wire. */
export const LAST_BYTES_MS = 200
/** A killed process that the kernel does not let go of (stuck in a device) is given up after this. */
const REAP_BOUND = Duration.seconds(5)

/** The process of one worker, however it came to be. */
export interface WorkerBody {
  /** Its process id; 0 as long as it is not known (a forked worker says it itself). */
  readonly pid: () => number
  /** Its wire where that is open already; what is written to it goes out at once. */
  readonly transport?: SocketTransport | null
  /** What holds it to its memory; null where nothing does, or its own program. */
  readonly memory?: HeldMemory | null
  /** Takes its wire into use. */
  readonly open: (transport: SocketTransport, events: TransportEvents) => Promise<void>
  /** What it is told to load as soon as its wire is open; null: it loads by itself. */
  readonly load: LoadPayload | null
  /** Its first `ready` has come: the process runs. Gives what is wrong with what it says, or null. */
  readonly booted: (payload: ReadyPayload) => WorkerFault | null
  /** Its wire was closed. */
  readonly hungUp: () => void
  /** Its end, once it was reaped; never rejects. */
  readonly gone: Promise<WorkerFault>
  readonly isGone: () => boolean
  /** Signals its process group; nothing happens when that is gone. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => void
  /** Clears up what belonged to it; after its end. */
  readonly discard: () => void
}

export interface ConversationOptions {
  readonly startupTimeout: Duration.Duration
  readonly killGrace: Duration.Duration
  readonly log: LogPipeline["Type"]["log"]
  readonly clock: MonotonicClock["Type"]
  /** What the worker may have its host fetch; without it its calls are passed over. */
  readonly fetch?: FetchRules
}

/** Writes what a worker says as log lines about its function. */
export const workerLog = (target: Target, id: WorkerId, log: LogPipeline["Type"]["log"]) => {
  const about = {
    functionId: target.functionId,
    functionName: target.name,
    version: target.version,
    workerId: id,
    bundlePath: target.bundlePath
  }
  return (payload: LogPayload, invocationId: string | null): void => {
    const { metadata } = payload
    const stack = metadata?.["stack"]
    const entry: LogEntry = {
      at: Date.now(),
      level: payload.level,
      message: payload.message,
      ...about,
      ...(invocationId === null ? {} : { invocationId }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(typeof stack === "string" ? { stack } : {})
    }
    log(entry)
  }
}

export const notStarted = (what: string, cause: unknown): WorkerStartFailed =>
  new WorkerStartFailed({
    kind: "spawn",
    reason: `${what}: ${cause instanceof Error ? cause.message : String(cause)}`
  })

/** A worker whose process id is not known has not begun: what hangs is not the function. */
const lateReason = (pid: number, boundMs: number): string =>
  pid === 0
    ? `no worker was forked within ${boundMs} ms: the fork server does not answer`
    : `the worker was not ready within ${boundMs} ms; its code may be waiting for something, or be busy, at the top level`

/** Asks, then tells, then forces; always ends with the process reaped and its group gone. */
const terminate = (body: WorkerBody, session: WorkerSession | null, killGrace: Duration.Duration) =>
  Effect.gen(function* () {
    const gone = Effect.promise(() => body.gone)
    if (!body.isGone()) {
      const half = Duration.times(killGrace, 0.5)
      session?.shutdown()
      const listens = session !== null && session.features.size > 0
      const left = yield* Effect.timeoutOption(gone, listens ? half : Duration.zero)
      if (left._tag === "None") {
        body.signal("SIGTERM")
        const termed = yield* Effect.timeoutOption(gone, half)
        if (termed._tag === "None") body.signal("SIGKILL")
      }
      yield* Effect.timeoutOption(gone, REAP_BOUND)
    }
    body.discard()
  })

/** A load error as a deployment's failure. Callers see it: the bundle is called by its name, never by its path. */
export const loadFailure = (error: ErrorPayload, { bundlePath }: Target): DeploymentFailed => {
  if (error.code !== "NO_HANDLER" && !existsSync(bundlePath)) {
    return new DeploymentFailed({
      stage: "bundle",
      reason: "the stored bundle is missing; deploy the version again"
    })
  }
  return new DeploymentFailed({
    stage: error.code === "NO_HANDLER" ? "handler" : "bundle",
    reason: error.message.replaceAll(bundlePath, "bundle.js"),
    ...(error.line === undefined ? {} : { file: "bundle.js", line: error.line }),
    ...(error.line === undefined || error.column === undefined ? {} : { column: error.column })
  })
}

/** Code that needs more memory than it may have would do so again: that is the deployment's failure. */
const startFailure = (fault: WorkerFault, target: Target): StartFailure =>
  fault.kind === "memory"
    ? new DeploymentFailed({
        stage: "start",
        reason: `memory_mb (${target.limits.memory_mb}) is too small for this code: it needed more before it was ready; give the function more memory, or load less at the top level`
      })
    : new WorkerStartFailed({ kind: "exit", reason: `the worker ${fault.reason} before it was ready` })

/**
 * One worker from the acquisition of its process to its end (WP). Resolves when it is ready; its end belongs to the scope.
 * `begun` is called with the session and the log as soon as the process is there.
 */
export const converse = <B extends WorkerBody>(
  acquire: Effect.Effect<B, WorkerStartFailed>,
  target: Target,
  id: WorkerId,
  options: ConversationOptions,
  begun: (body: B, write: ReturnType<typeof workerLog>) => void = () => {}
): Effect.Effect<Worker, StartFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<boolean, StartFailure>()
    const ended = yield* Deferred.make<WorkerFault>()
    const write = workerLog(target, id, options.log)

    const began = options.clock.now()
    let session: WorkerSession | null = null
    const body = yield* Effect.acquireRelease(acquire, (acquired) =>
      Effect.suspend(() => terminate(acquired, session, options.killGrace))
    )
    /** When its process ran, as far as it lets us know. */
    let ran = options.clock.now()
    const kill = (): void => body.signal("SIGKILL")
    const fail = (fault: WorkerFault): void => {
      Deferred.unsafeDone(ended, Effect.succeed(fault))
      Deferred.unsafeDone(ready, Effect.fail(startFailure(fault, target)))
    }

    let wireClosed = false
    let onWireClosed = (): void => {}
    const transport = body.transport ?? new SocketTransport()
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() =>
        // A worker whose process id is still on its way could not be killed once its wire is closed.
        body.pid() === 0 && !body.isGone() ? Effect.sleep(LAST_BYTES_MS) : Effect.void
      ).pipe(Effect.andThen(Effect.sync(() => transport.close())))
    )
    const booted = (payload: ReadyPayload): void => {
      if (body.load !== null) ran = options.clock.now()
      const fault = body.booted(payload)
      if (fault !== null) current.fail(fault)
    }
    const calls =
      options.fetch === undefined
        ? null
        : new HostCalls(options.fetch, (call, result, sent) => {
            current.result(call, result)
            transport.whenSent(sent)
          })
    yield* Effect.addFinalizer(() => Effect.sync(() => calls?.close()))
    const current: WorkerSession = new WorkerSession(
      transport,
      {
        began: () => body.memory?.stir(),
        booted,
        ready: (payload) => {
          if (body.load === null) booted(payload)
          // What it has taken while it loaded may not have been seen yet: its end will say so, and it never was ready.
          if (body.memory?.exceeds() === true) return
          Deferred.unsafeDone(ready, readiness(payload, target))
        },
        loadFailed: (error) => Deferred.unsafeDone(ready, Effect.fail(loadFailure(error, target))),
        log: write,
        call: (call, payload, budgetMs) => calls?.take(call, payload, budgetMs),
        givenUp: (call) => calls?.cancel(call),
        stray: (text) => write({ level: "warn", message: text, metadata: { stream: "protocol" } }, null),
        faulted: (fault) => {
          kill()
          fail(fault)
        }
      },
      options.clock
    )
    session = current
    let loading = true
    body.memory?.occupiedWhile(() => loading || current.inFlight > 0)
    body.memory?.limitTo(target.limits.memory_mb)
    begun(body, write)
    if (body.load !== null) current.load(body.load)
    yield* Effect.tryPromise({
      try: () =>
        body.open(transport, {
          data: (chunk) => current.receive(chunk),
          closed: () => {
            wireClosed = true
            body.hungUp()
            onWireClosed()
          }
        }),
      catch: (cause) => notStarted("the worker's wire could not be opened", cause)
    })

    const reportEnd = (fault: WorkerFault): void => {
      calls?.close()
      current.fail(fault)
      fail(fault)
    }
    void body.gone.then((fault) => {
      // What it wrote before its end may still be on the way; a descendant that holds the wire open must not delay us.
      if (wireClosed) return reportEnd(fault)
      const bound = setTimeout(() => reportEnd(fault), LAST_BYTES_MS)
      onWireClosed = () => {
        clearTimeout(bound)
        reportEnd(fault)
      }
    })
    onWireClosed = () => {
      // A live worker without its wire is of no use. If it is just ending, its exit code says more than we could.
      setTimeout(kill, LAST_BYTES_MS).unref()
    }

    const multiplexes = yield* Deferred.await(ready).pipe(
      Effect.timeoutFail({
        duration: options.startupTimeout,
        onTimeout: () => {
          kill()
          return new WorkerStartFailed({
            kind: "timeout",
            reason: lateReason(body.pid(), Duration.toMillis(options.startupTimeout))
          })
        }
      }),
      Effect.tapError(() => Effect.sync(kill))
    )
    loading = false
    const startup: StartTimes = {
      spare: body.transport != null,
      spawnMs: ran - began,
      loadMs: options.clock.now() - ran
    }
    return { id, pid: body.pid(), session: current, multiplexes, startup, ended: Deferred.await(ended), kill }
  })
