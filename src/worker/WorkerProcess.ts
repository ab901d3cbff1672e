import { Deferred, Duration, Effect, type Scope } from "effect"
import { existsSync } from "node:fs"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { DeploymentFailed } from "../domain/Errors.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { Invocation, Target } from "../domain/Invocation.ts"
import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import type { LogEntry, LogPipeline } from "../logs/LogPipeline.ts"
import { type ErrorPayload, type LogPayload, PROTOCOL_FD_VARIABLE } from "../protocol/worker/Wire.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"
import { readSideOutput } from "./SideOutput.ts"
import { SocketTransport } from "./SocketTransport.ts"
import type { WorkerFault } from "./WorkerAnswer.ts"
import { discardWorkerFolder, makeWorkerFolder } from "./WorkerFolder.ts"
import { WorkerSession } from "./WorkerSession.ts"
import { type StartFailure, type Worker, WorkerStartFailed } from "./WorkerSpawner.ts"

/** How long the bytes that a worker wrote before its end may take to arrive, and an exit to follow a closed wire. */
const LAST_BYTES_MS = 200
/** A killed process that the kernel does not let go of (stuck in a device) is given up after this. */
const REAP_BOUND = Duration.seconds(5)

interface Process {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">
  readonly fd: number
  readonly folder: string
}

export interface WorkerProcessOptions {
  readonly server: Pick<ServerOptions, "dataDir" | "startupTimeout" | "killGrace">
  readonly log: LogPipeline["Type"]["log"]
  readonly clock: MonotonicClock["Type"]
  /** Prefix of every command that makes the kernel end the worker with its host; empty where there is none. */
  readonly parentDeathPrefix: ReadonlyArray<string>
}

/** `setpriv` (util-linux) has the kernel kill the worker when the server dies, even in a loop that never reads. */
export const findParentDeathPrefix = (): ReadonlyArray<string> => {
  const setpriv = Bun.which("setpriv")
  if (setpriv === null) return []
  const prefix = [setpriv, "--pdeathsig", "KILL", "--"]
  // Others of that name (BusyBox's) do not know the flag; with them no worker would ever start.
  return Bun.spawnSync([...prefix, "true"], { stdio: ["ignore", "ignore", "ignore"] }).success ? prefix : []
}

// The shell hands the one descriptor to a worker that knows only stdin and stdout, and is gone.
const asStdio = (command: ReadonlyArray<string>): ReadonlyArray<string> => [
  "/bin/sh",
  "-c",
  'exec "$@" <&3 >&3 3>&-',
  "worker",
  ...command
]

/** The environment of a worker: a small documented set and the function's own variables; nothing of the server's. */
export const workerEnvironment = (target: Target, folder: string): Record<string, string> => ({
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: folder,
  TMPDIR: folder,
  LANG: "C.UTF-8",
  TZ: process.env["TZ"] ?? "UTC",
  NODE_ENV: "production",
  BUNBASE_RUNTIME: target.runtime,
  BUNBASE_FUNCTION: target.name,
  BUNBASE_VERSION: target.version,
  ...target.env,
  [PROTOCOL_FD_VARIABLE]: "3",
  BUNBASE_HOST_PID: String(process.pid),
  // Bun would keep a cache of transpiled files in HOME.
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0"
})

const start = (
  runtime: RuntimeCommand,
  target: Target,
  id: WorkerId,
  options: WorkerProcessOptions
): Effect.Effect<Process, WorkerStartFailed> =>
  Effect.try({
    try: () => {
      const folder = makeWorkerFolder(options.server.dataDir, `${process.pid}-${id}`)
      const own = runtime.command(target)
      try {
        const child = Bun.spawn({
          cmd: [...options.parentDeathPrefix, ...(runtime.transport === "stdio" ? asStdio(own) : own)],
          cwd: folder,
          env: workerEnvironment(target, folder),
          // A session and a process group of its own: one signal reaches whatever the function started.
          detached: true,
          stdio: ["ignore", "pipe", "pipe", "socket-fd"]
        })
        return { child, fd: child.stdio[3] as number, folder }
      } catch (cause) {
        discardWorkerFolder(folder)
        throw cause
      }
    },
    catch: (cause) => notStarted("the worker process could not be started", cause)
  })

const notStarted = (what: string, cause: unknown): WorkerStartFailed =>
  new WorkerStartFailed({
    kind: "spawn",
    reason: `${what}: ${cause instanceof Error ? cause.message : String(cause)}`
  })

const signalGroup = (child: Process["child"], signal: "SIGTERM" | "SIGKILL"): void => {
  try {
    process.kill(-child.pid, signal)
  } catch {
    // ESRCH: the group is gone, which is what was wanted.
  }
}

const exited = (child: Process["child"]): Effect.Effect<void> =>
  Effect.promise(() => child.exited).pipe(Effect.asVoid)

const describeExit = (child: Process["child"]): WorkerFault =>
  child.signalCode === null
    ? { kind: "exit", reason: `exited with code ${child.exitCode}` }
    : { kind: "signal", reason: `was ended by ${child.signalCode}` }

/** Asks, then tells, then forces; always ends with the process reaped and its group gone. */
const terminate = (process: Process, session: WorkerSession | null, killGrace: Duration.Duration) =>
  Effect.gen(function* () {
    const { child } = process
    const gone = exited(child)
    if (child.exitCode === null && child.signalCode === null) {
      const half = Duration.times(killGrace, 0.5)
      session?.shutdown()
      const stages = [session === null || session.features.size === 0 ? Duration.zero : half, half]
      const left = yield* Effect.timeoutOption(gone, stages[0] as Duration.Duration)
      if (left._tag === "None") {
        signalGroup(child, "SIGTERM")
        const termed = yield* Effect.timeoutOption(gone, stages[1] as Duration.Duration)
        if (termed._tag === "None") signalGroup(child, "SIGKILL")
      }
      yield* Effect.timeoutOption(gone, REAP_BOUND)
    }
    // What the function started may have outlived it; it shares the group.
    signalGroup(child, "SIGKILL")
    discardWorkerFolder(process.folder)
  })

/** A load error as a deployment's failure. Callers see it: the bundle is called by its name, never by its path. */
const loadFailure = (error: ErrorPayload, { bundlePath }: Target): DeploymentFailed => {
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

/**
 * One worker process from spawn to reaping (WP). Resolves when it is ready; its end belongs to the scope. What it prints
 * beside the protocol becomes log lines.
 */
export const spawnWorker = (
  runtime: RuntimeCommand,
  target: Target,
  id: WorkerId,
  options: WorkerProcessOptions
): Effect.Effect<Worker, StartFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<boolean, StartFailure>()
    const ended = yield* Deferred.make<WorkerFault>()
    const about = {
      functionId: target.functionId,
      functionName: target.name,
      version: target.version,
      workerId: id,
      bundlePath: target.bundlePath
    }
    const write = (payload: LogPayload, invocation: Invocation | null): void => {
      const { metadata } = payload
      const stack = metadata?.["stack"]
      const entry: LogEntry = {
        at: Date.now(),
        level: payload.level,
        message: payload.message,
        ...about,
        ...(invocation === null ? {} : { invocationId: invocation.id }),
        ...(metadata === undefined ? {} : { metadata }),
        ...(typeof stack === "string" ? { stack } : {})
      }
      options.log(entry)
    }

    let session: WorkerSession | null = null
    const started = yield* Effect.acquireRelease(start(runtime, target, id, options), (process) =>
      Effect.suspend(() => terminate(process, session, options.server.killGrace))
    )
    const { child } = started
    const kill = (): void => signalGroup(child, "SIGKILL")
    const fail = (fault: WorkerFault): void => {
      Deferred.unsafeDone(ended, Effect.succeed(fault))
      Deferred.unsafeDone(
        ready,
        Effect.fail(
          new WorkerStartFailed({ kind: "exit", reason: `the worker ${fault.reason} before it was ready` })
        )
      )
    }

    let wireClosed = false
    let onWireClosed = (): void => {}
    const transport = new SocketTransport()
    yield* Effect.addFinalizer(() => Effect.sync(() => transport.close()))
    const current = new WorkerSession(transport, {
      ready: (payload) =>
        Deferred.unsafeDone(ready, Effect.succeed(payload.features?.includes("concurrency") === true)),
      loadFailed: (error) => Deferred.unsafeDone(ready, Effect.fail(loadFailure(error, target))),
      log: write,
      stray: (text) => write({ level: "warn", message: text, metadata: { stream: "protocol" } }, null),
      faulted: (fault) => {
        kill()
        fail(fault)
      }
    })
    session = current
    yield* Effect.tryPromise({
      try: () =>
        transport.open(started.fd, {
          data: (chunk) => current.receive(chunk),
          closed: () => {
            wireClosed = true
            onWireClosed()
          }
        }),
      catch: (cause) => notStarted("the worker's wire could not be opened", cause)
    })

    const reportEnd = (): void => {
      const fault = describeExit(child)
      current.fail(fault)
      fail(fault)
    }
    void child.exited.then(() => {
      // What it wrote before its end may still be on the way; a descendant that holds the wire open must not delay us.
      if (wireClosed) return reportEnd()
      const bound = setTimeout(reportEnd, LAST_BYTES_MS)
      onWireClosed = () => {
        clearTimeout(bound)
        reportEnd()
      }
    })
    onWireClosed = () => {
      // A live worker without its wire is of no use. If it is just ending, its exit code says more than we could.
      setTimeout(kill, LAST_BYTES_MS).unref()
    }

    const read = (stream: ReadableStream<Uint8Array>, level: "info" | "warn", name: string): void => {
      const line = (text: string): void => write({ level, message: text, metadata: { stream: name } }, null)
      readSideOutput(stream, options.clock, line).catch((cause: unknown) =>
        line(`cannot be read: ${String(cause)}`)
      )
    }
    read(child.stdout, "info", "stdout")
    read(child.stderr, "warn", "stderr")

    const multiplexes = yield* Deferred.await(ready).pipe(
      Effect.timeoutFail({
        duration: options.server.startupTimeout,
        onTimeout: () => {
          kill()
          return new WorkerStartFailed({
            kind: "timeout",
            reason: `the worker was not ready within ${Duration.toMillis(options.server.startupTimeout)} ms`
          })
        }
      }),
      Effect.tapError(() => Effect.sync(kill))
    )
    return { id, pid: child.pid, session: current, multiplexes, ended: Deferred.await(ended), kill }
  })
