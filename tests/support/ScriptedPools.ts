import { Effect, Layer } from "effect"
import type { ColdStartTimeout, DeploymentFailed } from "../../src/domain/Errors.ts"
import type { Target } from "../../src/domain/Invocation.ts"
import { WorkerPools } from "../../src/pool/WorkerPools.ts"
import type { WorkerCounts } from "../../src/protocol/Management.ts"
import { Scheduler } from "../../src/scheduler/Scheduler.ts"

export const noInvocations = { ok: 0, failed: {}, cold_starts: {} }
export const noWorkers: WorkerCounts = { starting: 0, warm: 0, busy: 0, idle: 0, draining: 0 }

/** Pools without processes: a test says what loading a bundle leads to, and reads what was asked of them. */
export const scriptedPools = () => {
  const script = {
    /** What loading this target's bundle leads to. */
    prepare: (_target: Target): Effect.Effect<void, DeploymentFailed | ColdStartTimeout> => Effect.void,
    /** When the workers of a version have ended. */
    gone: Effect.void as Effect.Effect<void>,
    counts: noWorkers,
    queued: 0
  }
  const calls: Array<string> = []
  const labels = new Map<string, string>()
  const note = (what: string, target: Target) => {
    labels.set(target.versionId, target.version)
    calls.push(`${what} ${target.name}@${target.version}`)
  }
  const unused = () => {
    throw new Error("the control plane has no business here")
  }
  const layer = Layer.mergeAll(
    Layer.succeed(WorkerPools, {
      prepare: (target) =>
        Effect.suspend(() => {
          note("prepare", target)
          return script.prepare(target)
        }),
      open: (target) => Effect.sync(() => note("open", target)),
      retire: (versionId) =>
        Effect.sync(() => void calls.push(`retire ${labels.get(versionId) ?? versionId}`)),
      gone: () => Effect.suspend(() => script.gone),
      poolFor: unused,
      countsOf: () => script.counts,
      quarantineOf: () => null,
      reset: () => Effect.succeed(false),
      memoryLimit: null,
      spares: () => ({ bun: 0, "quickjs-ng": 0 }),
      held: unused,
      listen: unused
    }),
    Layer.succeed(Scheduler, {
      submit: unused,
      queued: () => script.queued,
      counts: () => noInvocations,
      stop: unused,
      abandon: unused
    })
  )
  return { script, calls, layer }
}
