import { Effect, Option } from "effect"
import { DeploymentFailed, FunctionNotFound, InvalidRequest, VersionNotFound } from "../domain/Errors.ts"
import type { Reached } from "../domain/FaultPoint.ts"
import type { FunctionRecord } from "../domain/FunctionSpec.ts"
import type { RollbackRequest } from "../protocol/Management.ts"
import type { BundleStore } from "../store/BundleStore.ts"
import type { MetadataStore } from "../store/MetadataStore.ts"
import type { ControlPlaneLog } from "./ControlPlaneLog.ts"
import type { Restore, SwitchOver } from "./SwitchOver.ts"

interface RollbackServices {
  readonly metadata: MetadataStore["Type"]
  readonly bundles: BundleStore["Type"]
  readonly log: ControlPlaneLog
  readonly reached: Reached
  readonly switchTo: SwitchOver
}

/** Puts a version that is stored in force again. It stores and removes nothing: there is nothing to take back. */
export const makeRollback = ({ bundles, log, metadata, reached, switchTo }: RollbackServices) => {
  const chosen = (record: FunctionRecord, { version }: RollbackRequest) =>
    version === undefined
      ? Effect.flatMap(
          metadata.versionBefore(record.id),
          Option.match({ onNone: () => nothingBefore(record), onSome: Effect.succeed })
        )
      : Effect.flatMap(
          metadata.findVersion(record.id, version),
          Option.match({
            onNone: () => new VersionNotFound({ function: record.name, version }),
            onSome: Effect.succeed
          })
        )

  return (record: FunctionRecord, request: RollbackRequest, restore: Restore) =>
    Effect.gen(function* () {
      const { active_version: replaced, name } = record
      if (replaced === null) return yield* new FunctionNotFound({ function: name, reason: "not_deployed" })
      const version = yield* chosen(record, request)
      reached("rollback:version-chosen")
      if (!(yield* bundles.isIntact(version))) {
        return yield* new DeploymentFailed({
          stage: "bundle",
          reason: `the stored bundle of version "${version.version}" is missing or damaged; deploy its code again under this version`
        })
      }
      reached("rollback:bundle-checked")
      const isUnchanged = version.id === record.active_version_id
      const deployment = yield* switchTo(record, version, { isUnchanged, restore, undo: Effect.void })
      yield* log.say(
        "info",
        isUnchanged ? "not rolled back: exactly this version is in force" : `rolled back from ${replaced}`,
        record,
        version.version
      )
      return { ...deployment, replaced }
    })
}

const nothingBefore = ({ active_version, name }: FunctionRecord) =>
  new InvalidRequest({
    violations: [
      {
        field: "",
        message: `no version of "${name}" was in force before ${active_version}; deploy another one with: bunbase fn deploy ${name} FILE`
      }
    ]
  })
