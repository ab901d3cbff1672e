import { Effect, Layer, type Scope } from "effect"
import { findQuickJs } from "../config/QuickJsProgram.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"
import { MonotonicClock } from "../domain/MonotonicClock.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import { makeBunRuntime } from "./BunRuntime.ts"
import { MemoryLimits } from "./memory/MemoryLimits.ts"
import { makeQuickJsRuntime, type QuickJsRuntime } from "./QuickJsRuntime.ts"
import type { RuntimeCommand } from "./RuntimeCommand.ts"
import { SPARE_PAUSE_MS } from "./SpareProcesses.ts"
import { makeSpawnedRuntime, type SpawnedRuntime } from "./SpawnedRuntime.ts"
import { findParentDeathPrefix } from "./WorkerProcess.ts"
import { workerFolders } from "./WorkerFolder.ts"
import { type StartFailure, type Worker, WorkerSpawner, WorkerStartFailed } from "./WorkerSpawner.ts"

/**
 * A spawner of real processes for these runtimes, and for QuickJS-NG where its program is there.
 * `withoutQuickJs` says why there is no such program, where there is none.
 */
export const make = (
  runtimes: ReadonlyArray<RuntimeCommand>,
  quickJsProgram: string | null = null,
  withoutQuickJs: string = "this server has no worker for quickjs-ng"
) =>
  Effect.gen(function* () {
    const server = yield* ServerConfig
    const { log } = yield* LogPipeline
    const clock = yield* MonotonicClock
    const memory = yield* MemoryLimits
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
    let starting = 0
    const byName = new Map<Runtime, SpawnedRuntime>()
    for (const runtime of runtimes)
      byName.set(
        runtime.runtime,
        yield* makeSpawnedRuntime(runtime, {
          ...options,
          // Workers on QuickJS-NG hold themselves to it.
          memory,
          spares: server.bunSpareWorkers,
          quiet: () => starting === 0
        })
      )
    /** Soon, not now: whoever has waited for a worker goes first. */
    const refill = (): void =>
      void clock.after(SPARE_PAUSE_MS, () => {
        for (const runtime of byName.values()) runtime.refill()
      })
    refill()

    const spawn = (target: Target, id: WorkerId): Effect.Effect<Worker, StartFailure, Scope.Scope> => {
      if (target.runtime === "quickjs-ng" && quickJs !== null) return quickJs.spawn(target, id)
      return (
        byName.get(target.runtime)?.spawn(target, id) ??
        new WorkerStartFailed({
          kind: "spawn",
          reason:
            target.runtime === "quickjs-ng"
              ? withoutQuickJs
              : `this server has no worker for ${target.runtime}`
        })
      )
    }
    return WorkerSpawner.of({
      memoryLimit: memory.inForce,
      forget: (target) => quickJs?.forget(target),
      spares: () => ({
        bun: byName.get("bun")?.spares() ?? 0,
        "quickjs-ng": quickJs?.spares() ?? 0
      }),
      spawn: (target, id) =>
        Effect.suspend(() => {
          starting += 1
          return Effect.ensuring(
            spawn(target, id),
            Effect.sync(() => {
              starting -= 1
              if (starting === 0) refill()
            })
          )
        })
    })
  })

export const layer: Layer.Layer<
  WorkerSpawner,
  never,
  ServerConfig | LogPipeline | MemoryLimits | MonotonicClock
> = Layer.scoped(
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
