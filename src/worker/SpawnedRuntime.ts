import { Duration, Effect, ExecutionStrategy, Exit, Scope } from "effect"
import { existsSync } from "node:fs"
import type { WorkerId } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"
import type { LoadPayload } from "../protocol/worker/Wire.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"
import { type SpareProcess, SpareProcesses } from "./SpareProcesses.ts"
import {
  functionEnvironment,
  spareEnvironment,
  type SpawnedBody,
  spawnWorker,
  start,
  startProcess,
  workerIn,
  type WorkerProcessOptions
} from "./WorkerProcess.ts"
import { type StartFailure, type Worker, WorkerStartFailed } from "./WorkerSpawner.ts"

export interface SpawnedRuntimeOptions extends WorkerProcessOptions {
  /** So many processes are kept started that nobody has asked for yet; of a runtime that has such. */
  readonly spares: number
  /** No worker is starting. */
  readonly quiet: () => boolean
}

export interface SpawnedRuntime {
  readonly spawn: (target: Target, id: WorkerId) => Effect.Effect<Worker, StartFailure, Scope.Scope>
  /** Makes the next spare process, if one is missing. */
  readonly refill: () => void
  /** Spare processes that can be taken now. */
  readonly spares: () => number
}

/** A worker that has taken this in has not run anything of the function's yet, and answers before it does. */
const PING = `${JSON.stringify({ id: "taken", type: "ping", payload: {} })}\n`
/** One that does not answer for so long (stopped, swapped out) will not: another process takes its place. */
const MOST_SILENT_MS = 2_000
/** Of what a lost spare printed. */
const WORDS_CHARS = 500

interface TakenBody extends SpawnedBody {
  /** Whether it has said anything since: then what it was told to load may have run. */
  readonly heard: () => boolean
}

/** What a spare process is told to load: what one that is started for the target has from its command and environment. */
export const loadOf = (target: Target, folder: string): LoadPayload => ({
  bundle_path: target.bundlePath,
  handler: target.handler,
  env: functionEnvironment(target, folder),
  capabilities: target.capabilities,
  limits: { memory_mb: target.limits.memory_mb }
})

const takenBody = (
  { body, said, transport }: SpareProcess<SpawnedBody>,
  target: Target,
  { clock, server }: SpawnedRuntimeOptions
): TakenBody => {
  let heard = false
  const patience = Math.min(MOST_SILENT_MS, Duration.toMillis(server.startupTimeout) / 2)
  const disarm = clock.after(patience, () => {
    if (!body.isGone()) body.signal("SIGKILL")
  })
  // Leaves with the load, before it.
  transport.gather(PING)
  return {
    ...body,
    transport,
    load: loadOf(target, body.folder),
    open: (_transport, events) => {
      transport.handOver({
        data: (chunk) => {
          if (!heard) disarm()
          heard = true
          events.data(chunk)
        },
        closed: events.closed
      })
      for (const chunk of said) events.data(chunk)
      // It may have ended between its last look at and now.
      if (transport.closed) events.closed()
      return Promise.resolve()
    },
    heard: () => heard
  }
}

/** What a process printed that nobody else has read, and that has ended. */
const lastWords = async ({ child, gone }: SpawnedBody): Promise<string> => {
  await gone
  const printed = `${await child.stdout.text()}\n${await child.stderr.text()}`
  return printed.trim().slice(-WORDS_CHARS).replaceAll("\n", " | ")
}

/**
 * Workers in processes of their own, on a runtime whose program says itself what it loads. Where the runtime has spare
 * processes, a worker is one of these that is told what to load; where there is none, or it dies before it has begun, one is
 * started. The spare processes belong to the scope.
 */
export const makeSpawnedRuntime = (
  runtime: RuntimeCommand,
  options: SpawnedRuntimeOptions
): Effect.Effect<SpawnedRuntime, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { spare } = runtime
    const anew = (target: Target, id: WorkerId): Effect.Effect<Worker, StartFailure, Scope.Scope> =>
      spawnWorker(runtime, target, id, options)
    if (spare === undefined || options.spares === 0) return { spawn: anew, refill: () => {}, spares: () => 0 }

    let serial = 0
    const spares = yield* Effect.acquireRelease(
      Effect.sync(
        () =>
          new SpareProcesses<SpawnedBody>({
            start: () =>
              startProcess(
                {
                  command: spare.command,
                  transport: runtime.transport,
                  name: `spare-${(serial += 1)}`,
                  environment: spareEnvironment,
                  load: null,
                  memoryExitCode: runtime.memoryExitCode
                },
                options
              ),
            // Who clears up old files may have taken it for one.
            usable: ({ folder }) => existsSync(folder),
            lastWords,
            most: options.spares,
            startupMs: Duration.toMillis(options.server.startupTimeout),
            clock: options.clock,
            quiet: options.quiet,
            say: (level, message) =>
              options.log({ at: Date.now(), level, message: `${runtime.runtime}: ${message}` })
          })
      ),
      (all) => Effect.promise(() => all.close())
    )

    const spawn = (target: Target, id: WorkerId): Effect.Effect<Worker, StartFailure, Scope.Scope> =>
      Effect.gen(function* () {
        let taken: TakenBody | null = null
        const acquire = Effect.suspend(() => {
          const process = spares.take()
          if (process === null) return start(runtime, target, id, options)
          return Effect.succeed((taken = takenBody(process, target, options)))
        })
        const own = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
        return yield* workerIn<SpawnedBody>(acquire, target, id, options).pipe(
          Scope.extend(own),
          // It died while it waited, or does not answer, and has run nothing yet: not the function's fault.
          Effect.catchIf(
            (error) =>
              error instanceof WorkerStartFailed && error.kind === "exit" && taken !== null && !taken.heard(),
            (error) => Effect.zipRight(Scope.close(own, Exit.fail(error)), anew(target, id))
          )
        )
      })

    return {
      spawn: (target, id) => (spare.fits(target) ? spawn(target, id) : anew(target, id)),
      refill: () => spares.refill(),
      spares: () => spares.count
    }
  })
