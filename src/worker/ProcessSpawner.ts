import { Effect, Layer } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import { MonotonicClock } from "../domain/MonotonicClock.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import { makeBunRuntime } from "./BunRuntime.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"
import { findParentDeathPrefix, spawnWorker } from "./WorkerProcess.ts"
import { workerFolders } from "./WorkerFolder.ts"
import { WorkerSpawner, WorkerStartFailed } from "./WorkerSpawner.ts"

/** A spawner of real processes for these runtimes. */
export const make = (runtimes: ReadonlyArray<RuntimeCommand>) =>
  Effect.gen(function* () {
    const server = yield* ServerConfig
    const { log } = yield* LogPipeline
    const clock = yield* MonotonicClock
    const options = { server, log, clock, parentDeathPrefix: findParentDeathPrefix() }
    const byName = new Map<Runtime, RuntimeCommand>(runtimes.map((runtime) => [runtime.runtime, runtime]))
    return WorkerSpawner.of({
      spawn: (target, id) => {
        const runtime = byName.get(target.runtime)
        return runtime === undefined
          ? Effect.fail(
              new WorkerStartFailed({
                kind: "spawn",
                reason: `this server has no worker for ${target.runtime}`
              })
            )
          : spawnWorker(runtime, target, id, options)
      }
    })
  })

export const layer: Layer.Layer<WorkerSpawner, never, ServerConfig | LogPipeline | MonotonicClock> =
  Layer.effect(
    WorkerSpawner,
    Effect.gen(function* () {
      const { dataDir } = yield* ServerConfig
      const { log } = yield* LogPipeline
      return yield* make([yield* makeBunRuntime(workerFolders(dataDir), log)])
    })
  )
