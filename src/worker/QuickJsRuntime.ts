import { Duration, Effect, type Scope } from "effect"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { DeploymentFailed } from "../domain/Errors.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"
import { type LoadPayload, PROTOCOL_FD_VARIABLE, type WorkerLimits } from "../protocol/worker/Wire.ts"
import { forkedBody, MEMORY_EXIT_CODE } from "./ForkedWorker.ts"
import { ForkServer } from "./ForkServer.ts"
import { fetchBudget, type FetchRules } from "./HostFetch.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"
import { Snapshots } from "./Snapshots.ts"
import { Spares, type SpareWorker } from "./Spares.ts"
import { SocketFolder } from "./SocketFolder.ts"
import { converse } from "./WorkerConversation.ts"
import { workerFolders } from "./WorkerFolder.ts"
import { spawnWorker, type WorkerProcessOptions } from "./WorkerProcess.ts"
import { type StartFailure, type Worker, WorkerStartFailed } from "./WorkerSpawner.ts"
import type { Zygote } from "./Zygote.ts"

/** What may be held at once of bodies that were fetched for functions. */
const FETCHED_BYTES = 256 * 1024 * 1024

/** Between the end of a start and the making of the next spare worker: the first call goes first. */
const SPARE_PAUSE_MS = 10

/** The environment of a QuickJS-NG function: no PATH, HOME or TMPDIR, because it has neither programs nor files. */
const functionEnvironment = (target: Target): Record<string, string> => ({
  LANG: "C.UTF-8",
  TZ: process.env["TZ"] ?? "UTC",
  NODE_ENV: "production",
  BUNBASE_RUNTIME: target.runtime,
  BUNBASE_FUNCTION: target.name,
  BUNBASE_VERSION: target.version,
  ...target.env
})

/** The wire, the standard three, what libuv's loop and the loading of a bundle need; a function itself opens nothing. */
const MAX_FDS = 64
/**
 * No further process or thread can be started. The kernel counts all of the user's processes for this and does not apply it
 * to root: it is a second lock, behind a worker that has no way to start one.
 */
const MAX_PROCESSES = 0

/** A worker that has one invocation in its whole life is also held to its CPU time; one that has many cannot be. */
const limitsOf = ({ isolation, limits }: Target): WorkerLimits => ({
  memory_mb: limits.memory_mb,
  max_fds: MAX_FDS,
  max_processes: MAX_PROCESSES,
  ...(isolation === "invocation" ? { cpu_seconds: Math.ceil(limits.timeout_seconds) + 1 } : {})
})

/** What a worker of the target is told to load. */
export const loadOf = (target: Target): LoadPayload => ({
  bundle_path: target.bundlePath,
  handler: target.handler,
  env: functionEnvironment(target),
  capabilities: target.capabilities,
  limits: limitsOf(target)
})

/** A worker in a process that is started for it alone: how it is done while there is no fork server. */
export const quickJsCommand = (binary: string): RuntimeCommand => ({
  runtime: "quickjs-ng",
  transport: "descriptor",
  memoryExitCode: MEMORY_EXIT_CODE,
  command: () => [binary],
  load: loadOf,
  environment: () => ({
    LANG: "C.UTF-8",
    TZ: process.env["TZ"] ?? "UTC",
    [PROTOCOL_FD_VARIABLE]: "3",
    BUNBASE_HOST_PID: String(process.pid)
  })
})

export interface QuickJsOptions extends Omit<WorkerProcessOptions, "server"> {
  /** The worker's program. */
  readonly binary: string
  readonly server: Pick<ServerOptions, "dataDir" | "startupTimeout" | "killGrace" | "maxResponseBytes">
  /** False: every worker is a process started for it alone (for measuring what the fork server is worth). */
  readonly forkServer: boolean
  /** So many workers are kept forked that nobody has asked for yet. */
  readonly spares: number
}

export interface QuickJsRuntime {
  readonly spawn: (target: Target, id: WorkerId) => Effect.Effect<Worker, StartFailure, Scope.Scope>
  /** The target's pool is gone: nothing more is kept for it. */
  readonly forget: (target: Target) => void
  /** Spare workers that can be taken now. */
  readonly spares: () => number
}

/** Workers on QuickJS-NG. Their fork server belongs to the scope, and is started in the background at once. */
export const makeQuickJsRuntime = (
  options: QuickJsOptions
): Effect.Effect<QuickJsRuntime, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { binary, clock, log, server } = options
    const startupMs = Duration.toMillis(server.startupTimeout)
    const sockets = new SocketFolder(workerFolders(server.dataDir))
    const command = quickJsCommand(binary)
    const forkServer: ForkServer = new ForkServer({
      up: () => spares.refill(),
      command: [...options.parentDeathPrefix, binary],
      sockets,
      startupMs,
      killGraceMs: Duration.toMillis(server.killGrace),
      clock,
      say: (level, message) => log({ at: Date.now(), level, message })
    })
    const spares: Spares = new Spares(forkServer, options.spares, startupMs)
    const snapshots = new Snapshots({
      sockets,
      startupMs,
      clock,
      say: (target, level, message, stack) =>
        log({
          at: Date.now(),
          level,
          message,
          functionId: target.functionId,
          functionName: target.name,
          version: target.version,
          bundlePath: target.bundlePath,
          ...(stack === undefined ? {} : { stack })
        })
    })
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        snapshots.close()
        spares.close()
        await forkServer.close()
        sockets.close()
      })
    )
    if (options.forkServer) void forkServer.zygote()

    const budget = fetchBudget(FETCHED_BYTES)
    const fetchRules = (target: Target): FetchRules => ({
      capabilities: target.capabilities,
      maxBodyBytes: server.maxResponseBytes,
      budget
    })

    const fork = (
      zygote: Zygote,
      load: LoadPayload | null,
      target: Target,
      id: WorkerId,
      spare: SpareWorker | null = null
    ): Effect.Effect<Worker, StartFailure, Scope.Scope> => {
      const body = forkedBody(zygote, load, target.limits.memory_mb, spare)
      return converse(
        Effect.sync(() => body),
        target,
        id,
        {
          startupTimeout: server.startupTimeout,
          killGrace: server.killGrace,
          log,
          clock: options.clock,
          fetch: fetchRules(target)
        }
      ).pipe(
        Effect.tap(() => Effect.sync(() => forkServer.heard())),
        Effect.tapError((error) =>
          Effect.sync(() => {
            // One that has said who it is hangs by its own fault.
            const unheard = error instanceof WorkerStartFailed && error.kind === "timeout" && body.pid() === 0
            if (!unheard) return
            forkServer.unheard(zygote)
            snapshots.unheard(target)
          })
        ),
        Effect.ensuring(Effect.sync(() => void options.clock.after(SPARE_PAUSE_MS, () => spares.refill())))
      )
    }

    const spawn = (target: Target, id: WorkerId): Effect.Effect<Worker, StartFailure, Scope.Scope> =>
      Effect.suspend(() => {
        const spare = target.snapshot ? null : spares.take()
        if (spare === null) return spawnAnew(target, id)
        return fork(spare.zygote, loadOf(target), target, id, spare).pipe(
          // It may have died while it waited, and nobody has heard of it yet: not the function's fault.
          Effect.catchIf(
            (error) => error instanceof WorkerStartFailed && error.kind === "exit",
            () => spawnAnew(target, id)
          )
        )
      })

    const spawnAnew = (target: Target, id: WorkerId): Effect.Effect<Worker, StartFailure, Scope.Scope> =>
      Effect.gen(function* () {
        const zygote = options.forkServer ? yield* Effect.promise(() => forkServer.zygote()) : null
        if (zygote === null)
          return yield* spawnWorker(command, target, id, { ...options, fetch: fetchRules(target) })
        const load = loadOf(target)
        if (!target.snapshot) return yield* fork(zygote, load, target, id)
        const snapshot = yield* Effect.promise(() => snapshots.of(target, load, zygote))
        if (snapshot instanceof DeploymentFailed) return yield* snapshot
        return yield* snapshot === null ? fork(zygote, load, target, id) : fork(snapshot, null, target, id)
      })

    return { spawn, forget: (target) => snapshots.forget(target), spares: () => spares.count }
  })
