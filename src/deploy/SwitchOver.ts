import { Effect } from "effect"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { DeploymentFailed, type ColdStartTimeout } from "../domain/Errors.ts"
import type { Reached } from "../domain/FaultPoint.ts"
import type { FunctionRecord, VersionRecord } from "../domain/FunctionSpec.ts"
import { StackMapper } from "../logs/StackMapper.ts"
import type { WorkerPools } from "../pool/WorkerPools.ts"
import type { Router } from "../router/Router.ts"
import type { MetadataStore } from "../store/MetadataStore.ts"
import { targetOf } from "./FunctionInForce.ts"

/** Lets an effect be interrupted that stands in one that must not be. */
export type Restore = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

interface SwitchOverServices {
  readonly config: ServerOptions
  readonly metadata: MetadataStore["Type"]
  readonly pools: WorkerPools["Type"]
  readonly router: Router["Type"]
  readonly reached: Reached
}

const notReady = (error: ColdStartTimeout) => new DeploymentFailed({ stage: "start", reason: error.reason })

/** While the version still lies in its place, with its source map: places in the bundle become places in the sources. */
const atItsSource = (error: DeploymentFailed, { bundle_path }: VersionRecord) => {
  const { column, line } = error
  if (line === undefined || column === undefined) return Effect.fail(error)
  return Effect.flatMap(
    Effect.promise(() => new StackMapper().map(`${bundle_path}:${line}:${column}`, bundle_path)),
    (mapped) => {
      const [, file, sourceLine, sourceColumn] = /^(.+):(\d+):(\d+)$/.exec(mapped) ?? []
      return file === undefined || file === bundle_path
        ? error
        : error.but({ file, line: Number(sourceLine), column: Number(sourceColumn) })
    }
  )
}

/**
 * Puts a stored version in force, for a deployment and for a roll-back alike: its first worker is ready before anything
 * changes; then the commit point, in one transaction; then all further calls go there, and the workers of the version
 * before finish what they have and end. What fails up to the commit leaves the version before in force, and runs `undo`.
 */
export const makeSwitchOver =
  ({ config, metadata, pools, reached, router }: SwitchOverServices) =>
  (
    record: FunctionRecord,
    version: VersionRecord,
    how: {
      /** Exactly this is in force, and at work: no worker has to show that it can be. */
      readonly isUnchanged: boolean
      readonly restore: Restore
      readonly undo: Effect.Effect<void>
    }
  ) =>
    Effect.gen(function* () {
      const target = targetOf(record, version, config)
      const isActive = record.active_version_id === version.id
      const load = how.isUnchanged ? Effect.void : how.restore(pools.prepare(target))
      const deployment = yield* load.pipe(
        Effect.catchTag("ColdStartTimeout", notReady),
        Effect.catchTag("DeploymentFailed", (error) => atItsSource(error, version)),
        Effect.tap(() => reached("switch:worker-ready")),
        Effect.zipRight(metadata.activate(record.id, version.id)),
        Effect.onError(() => Effect.zipRight(isActive ? Effect.void : pools.retire(version.id), how.undo))
      )
      reached("switch:committed")
      router.publish(target)
      reached("switch:published")
      if (record.active_version_id !== null && !isActive) yield* pools.retire(record.active_version_id)
      reached("switch:retired")
      return {
        deployment_id: deployment.id,
        function_id: record.id,
        name: record.name,
        version: version.version,
        status: "deployed" as const,
        sha256: version.sha256,
        size_bytes: version.size_bytes,
        created_at: deployment.created_at
      }
    })
export type SwitchOver = ReturnType<typeof makeSwitchOver>
