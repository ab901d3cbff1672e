import { Effect, Layer } from "effect"
import { findQuickJs } from "../config/QuickJsProgram.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import { MonotonicClock } from "../domain/MonotonicClock.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import { makeBunRuntime } from "./BunRuntime.ts"
import { makeQuickJsRuntime, type QuickJsRuntime } from "./QuickJsRuntime.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"
import { findParentDeathPrefix, spawnWorker } from "./WorkerProcess.ts"
import { workerFolders } from "./WorkerFolder.ts"
import { WorkerSpawner, WorkerStartFailed } from "./WorkerSpawner.ts"

/** A spawner of real processes for these runtimes, and for QuickJS-NG where its program is there. */
/** `withoutQuickJs` says why there is no such program, where there is none. */
export const make = (
  runtimes: ReadonlyArray<RuntimeCommand>,
  quickJsProgram: string | null = null,
  withoutQuickJs: string = "this server has no worker for quickjs-ng"
) =>
  Effect.gen(function* () {
    const server = yield* ServerConfig
    const { log } = yield* LogPipeline
    const clock = yield* MonotonicClock
    const options = { server, log, clock, parentDeathPrefix: findParentDeathPrefix() }
    const quickJs: QuickJsRuntime | null =
      quickJsProgram === null
        ? null
        : yield* makeQuickJsRuntime({
            ...options,
            binary: quickJsProgram,
            forkServer: server.quickjsForkServer === "on",
            spares: server.quickjsSpareWorkers
          })
    const byName = new Map<Runtime, RuntimeCommand>(runtimes.map((runtime) => [runtime.runtime, runtime]))
    return WorkerSpawner.of({
      forget: (target) => quickJs?.forget(target),
      spawn: (target, id) => {
        if (target.runtime === "quickjs-ng" && quickJs !== null) return quickJs.spawn(target, id)
        const runtime = byName.get(target.runtime)
        return runtime === undefined
          ? Effect.fail(
              new WorkerStartFailed({
                kind: "spawn",
                reason:
                  target.runtime === "quickjs-ng"
                    ? withoutQuickJs
                    : `this server has no worker for ${target.runtime}`
              })
            )
          : spawnWorker(runtime, target, id, options)
      }
    })
  })

export const layer: Layer.Layer<WorkerSpawner, never, ServerConfig | LogPipeline | MonotonicClock> =
  Layer.scoped(
    WorkerSpawner,
    Effect.gen(function* () {
      const { dataDir, quickjsWorker } = yield* ServerConfig
      const { log } = yield* LogPipeline
      const program = findQuickJs(quickjsWorker)
      return yield* make(
        [yield* makeBunRuntime(workerFolders(dataDir), log)],
        program._tag === "Found" ? program.path : null,
        program._tag === "Found" ? undefined : program.reason
      )
    })
  )
