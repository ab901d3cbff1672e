import { Context, Duration, Effect, FiberSet, Layer } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { ColdStartTimeout, DeploymentFailed } from "../domain/Errors.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import type { FunctionId, VersionId } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"
import type { MemoryLimitInForce } from "../domain/MemoryReading.ts"
import { MonotonicClock } from "../domain/MonotonicClock.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import type { WorkerCounts } from "../protocol/Management.ts"
import { WorkerSpawner } from "../worker/WorkerSpawner.ts"
import type { Quarantine } from "./Quarantine.ts"
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
    /** Waits until no worker of this version lives any more, and nobody waits for one: its bundle is not read again. */
    readonly gone: (versionId: VersionId) => Effect.Effect<void>
    /** The pool of a target; opened if need be. */
    readonly poolFor: (target: Target) => WorkerPool
    /** Why the function's version in force starts no workers, or null. */
    readonly quarantineOf: (functionId: FunctionId) => Quarantine | null
    /** Forgets what failed before; true where that was a quarantine. */
    readonly reset: (functionId: FunctionId) => Effect.Effect<boolean>
    /** Workers of a function by state, over all its versions. */
    readonly countsOf: (functionId: FunctionId) => WorkerCounts
    /**
     * How much is kept in memory: pools (also of replaced versions whose last workers finish), versions that are in force or
     * being deployed, functions that ever had one.
     */
    readonly held: () => { readonly pools: number; readonly versions: number; readonly functions: number }
    /** What holds workers to their memory whose runtime does not; null where nothing does. */
    readonly memoryLimit: MemoryLimitInForce | null
    /** Processes that were started for no function in particular, and can be taken now. */
    readonly spares: () => Readonly<Record<Runtime, number>>
    /** Whom to tell about capacity; the scheduler calls this once. */
    readonly listen: (listener: PoolListener) => void
  }
>() {}

/** Where there are more functions that have work than places for workers, a worker keeps its place for so long. */
const TURN_MS = 1_000

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
  /** Versions that were prepared or opened, and not retired since: one per function, two while it is deployed. */
  const inForce = new Set<VersionId>()
  /** Functions that have, or had, one. Of these, any other version is a late comer's: it is served, and nothing is kept. */
  const known = new Set<FunctionId>()
  /** Those who wait for pools to be gone; each looks for itself. */
  const departures = new Set<() => void>()
  let listener = nobody
  let serial = 0

  const budget = new StartBudget(config.maxWorkersTotal, config.maxConcurrentStarts, {
    idle: () => {
      for (const pool of pools.values()) if (pool.spare()) return true
      return false
    },
    busy: (share) => {
      const rich = [...pools.values()].filter((pool) => pool.kept > share).sort((a, b) => b.kept - a.kept)
      return rich.some((pool) => pool.giveUp(share === 0 ? TURN_MS : 0))
    }
  })

  const services = {
    spawner,
    clock,
    log,
    budget,
    maxResponseBytes: config.maxResponseBytes,
    cancelGraceMs: Duration.toMillis(config.cancelGrace),
    listener: () => listener,
    fork: (effect: Effect.Effect<void>) => void fork(effect),
    emptied: (pool: WorkerPool) => {
      leaving.delete(pool)
      spawner.forget?.(pool.target)
      if (pools.get(pool.target.versionId) === pool) pools.delete(pool.target.versionId)
      for (const look of [...departures]) look()
    }
  }

  const poolFor = (target: Target): WorkerPool => {
    const existing = pools.get(target.versionId)
    if (existing !== undefined) return existing
    const pool = new WorkerPool(target, `w${(serial += 1)}-`, services)
    pools.set(target.versionId, pool)
    if (known.has(target.functionId) && !inForce.has(target.versionId)) pool.retire()
    return pool
  }

  const poolInForce = (functionId: FunctionId): WorkerPool | null => {
    for (const pool of pools.values())
      if (pool.target.functionId === functionId && inForce.has(pool.target.versionId)) return pool
    return null
  }

  const putInForce = ({ functionId, versionId }: Target): void => {
    known.add(functionId)
    inForce.add(versionId)
  }

  const retire = (versionId: VersionId): Effect.Effect<void> =>
    Effect.sync(() => {
      inForce.delete(versionId)
      const pool = pools.get(versionId)
      if (pool === undefined) return
      known.add(pool.target.functionId)
      pool.retire()
      if (pool.state.workers.length > 0 || pool.state.demand > 0) return
      pools.delete(versionId)
      spawner.forget?.(pool.target)
      for (const look of [...departures]) look()
    })

  const isGone = (versionId: VersionId): boolean => {
    for (const { target } of leaving) if (target.versionId === versionId) return false
    return !pools.has(versionId)
  }

  const gone = (versionId: VersionId): Effect.Effect<void> =>
    Effect.async((resume) => {
      const look = (): void => {
        if (!isGone(versionId)) return
        departures.delete(look)
        resume(Effect.void)
      }
      departures.add(look)
      look()
      return Effect.sync(() => departures.delete(look))
    })

  return WorkerPools.of({
    prepare: (target) =>
      Effect.suspend(() => {
        // Deploying a version that is active again (a rollback, a repetition) finds its pool at work, or on its way out.
        const wasKnown = known.has(target.functionId)
        putInForce(target)
        const before = pools.get(target.versionId)
        if (before?.state.phase === "retired") {
          pools.delete(target.versionId)
          leaving.add(before)
        }
        const pool = poolFor(target)
        const isNew = pool !== before
        if (!isNew) pool.reset()
        const giveUp = Effect.map(retire(target.versionId), () => {
          // Whatever served the function before goes on as before.
          if (!wasKnown) known.delete(target.functionId)
        })
        return pool.ready.pipe(Effect.onError(() => (isNew ? giveUp : Effect.void)))
      }),
    open: (target) =>
      Effect.sync(() => {
        putInForce(target)
        poolFor(target).warm()
      }),
    retire,
    gone,
    poolFor,
    quarantineOf: (functionId) => poolInForce(functionId)?.quarantine() ?? null,
    reset: (functionId) =>
      Effect.sync(() => {
        const pool = poolInForce(functionId)
        const wasQuarantined = pool?.quarantine() != null
        pool?.reset()
        return wasQuarantined
      }),
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
    memoryLimit: spawner.memoryLimit ?? null,
    spares: () => spawner.spares?.() ?? { bun: 0, "quickjs-ng": 0 },
    held: () => ({ pools: pools.size + leaving.size, versions: inForce.size, functions: known.size }),
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
