import { Context, Duration, Effect, FiberSet, Layer } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { ColdStartTimeout, DeploymentFailed } from "../domain/Errors.ts"
import type { FunctionId, VersionId } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"
import { MonotonicClock } from "../domain/MonotonicClock.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import type { WorkerCounts } from "../protocol/Management.ts"
import { WorkerSpawner } from "../worker/WorkerSpawner.ts"
import { StartBudget } from "./StartBudget.ts"
import { type PoolListener, WorkerPool } from "./WorkerPool.ts"

/** All pools of this server, one per function version. */
export class WorkerPools extends Context.Tag("WorkerPools")<
  WorkerPools,
  {
    /**
     * Opens the pool of a version that is being deployed and waits until its first worker has loaded the bundle. That
     * worker stays and takes the first invocation. On failure nothing of the pool remains.
     */
    readonly prepare: (target: Target) => Effect.Effect<void, DeploymentFailed | ColdStartTimeout>
    /** Opens the pool of a version that is already deployed (at start-up); its warm workers start in the background. */
    readonly open: (target: Target) => Effect.Effect<void>
    /** No new work for this version: its workers finish what they have and end. Returns at once. */
    readonly retire: (versionId: VersionId) => Effect.Effect<void>
    /** The pool of a target; opened if need be. */
    readonly poolFor: (target: Target) => WorkerPool
    /** Workers of a function by state, over all its versions. */
    readonly countsOf: (functionId: FunctionId) => WorkerCounts
    /** Whom to tell about capacity; the scheduler calls this once. */
    readonly listen: (listener: PoolListener) => void
  }
>() {}

const nobody: PoolListener = { capacity: () => {}, unavailable: () => {} }

const make = Effect.gen(function* () {
  const config = yield* ServerConfig
  const spawner = yield* WorkerSpawner
  const clock = yield* MonotonicClock
  const { log } = yield* LogPipeline
  // Workers' lives end with the layer's scope: every process is asked to end, or killed, before it closes.
  const fork = yield* FiberSet.makeRuntime<never>()
  const pools = new Map<VersionId, WorkerPool>()
  /** Pools whose place was taken by a newer one of the same version while their last workers finish. */
  const leaving = new Set<WorkerPool>()
  /** Versions that another one replaced: a late comer that still holds their target is served, and nothing is kept. */
  const retired = new Set<VersionId>()
  let listener = nobody
  let serial = 0

  const budget = new StartBudget(config.maxWorkersTotal, config.maxConcurrentStarts, () => {
    for (const pool of pools.values()) if (pool.spare()) return true
    return false
  })

  const services = {
    spawner,
    clock,
    log,
    budget,
    cancelGraceMs: Duration.toMillis(config.cancelGrace),
    listener: () => listener,
    fork: (effect: Effect.Effect<void>) => void fork(effect),
    emptied: (pool: WorkerPool) => {
      leaving.delete(pool)
      spawner.forget?.(pool.target)
      if (pools.get(pool.target.versionId) === pool) pools.delete(pool.target.versionId)
    }
  }

  const poolFor = (target: Target): WorkerPool => {
    const existing = pools.get(target.versionId)
    if (existing !== undefined) return existing
    const pool = new WorkerPool(target, `w${(serial += 1)}-`, services)
    pools.set(target.versionId, pool)
    if (retired.has(target.versionId)) pool.retire()
    return pool
  }

  const retire = (versionId: VersionId): Effect.Effect<void> =>
    Effect.sync(() => {
      retired.add(versionId)
      const pool = pools.get(versionId)
      if (pool === undefined) return
      pool.retire()
      if (pool.state.workers.length > 0 || pool.state.demand > 0) return
      pools.delete(versionId)
      spawner.forget?.(pool.target)
    })

  return WorkerPools.of({
    prepare: (target) =>
      Effect.suspend(() => {
        // Deploying a version that is active again (a rollback, a repetition) finds its pool at work, or on its way out.
        retired.delete(target.versionId)
        const before = pools.get(target.versionId)
        if (before?.state.phase === "retired") {
          pools.delete(target.versionId)
          leaving.add(before)
        }
        const pool = poolFor(target)
        const isNew = pool !== before
        return pool.ready.pipe(Effect.onError(() => (isNew ? retire(target.versionId) : Effect.void)))
      }),
    open: (target) => Effect.sync(() => poolFor(target).warm()),
    retire,
    poolFor,
    countsOf: (functionId) => {
      const total = { starting: 0, warm: 0, busy: 0, idle: 0, draining: 0 }
      for (const pool of [...pools.values(), ...leaving]) {
        if (pool.target.functionId !== functionId) continue
        const counts = pool.counts()
        for (const state of ["starting", "warm", "busy", "idle", "draining"] as const)
          total[state] += counts[state]
      }
      return total
    },
    listen: (next) => {
      listener = next
    }
  })
})

export const layer: Layer.Layer<
  WorkerPools,
  never,
  ServerConfig | WorkerSpawner | MonotonicClock | LogPipeline
> = Layer.scoped(WorkerPools, make)
