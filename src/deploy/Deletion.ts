import { Duration, Effect, Option } from "effect"
import { LimitExceeded, VersionNotFound } from "../domain/Errors.ts"
import type { Reached } from "../domain/FaultPoint.ts"
import type { FunctionRecord } from "../domain/FunctionSpec.ts"
import type { VersionLabel } from "../domain/Ids.ts"
import type { WorkerPools } from "../pool/WorkerPools.ts"
import type { Router } from "../router/Router.ts"
import type { BundleStore } from "../store/BundleStore.ts"
import { versionInForce, type MetadataStore } from "../store/MetadataStore.ts"
import type { ControlPlaneLog } from "./ControlPlaneLog.ts"
import type { Restore } from "./SwitchOver.ts"

interface DeletionServices {
  readonly metadata: MetadataStore["Type"]
  readonly bundles: BundleStore["Type"]
  readonly pools: WorkerPools["Type"]
  readonly router: Router["Type"]
  readonly log: ControlPlaneLog
  readonly reached: Reached
}

/** How long the deletion of a version waits for that version's last workers, with the function's turn in its hands. */
const WORKERS_PATIENCE = Duration.seconds(5)

export const makeDeletion = ({ bundles, log, metadata, pools, reached, router }: DeletionServices) => {
  /**
   * The function is known no more, and its name is free. Its workers finish what was taken on and end; its versions stay,
   * with their bundles, for the record.
   */
  const deleteFunction = (record: FunctionRecord) =>
    Effect.gen(function* () {
      yield* metadata.deleteFunction(record.id)
      reached("delete:committed")
      router.withdraw(record.id)
      reached("delete:withdrawn")
      if (record.active_version_id !== null) yield* pools.retire(record.active_version_id)
      reached("delete:retired")
      yield* log.say("info", "deleted", record)
      return { function_id: record.id, name: record.name, status: "deleted" as const }
    })

  /**
   * A version that is not in force goes, with its bundle. Not before its last worker has gone: those may start others from
   * the bundle, and the label may come back with other content. A crash leaves a marker, by which `recover` ends it.
   */
  const deleteVersion = (record: FunctionRecord, label: VersionLabel, restore: Restore) =>
    Effect.gen(function* () {
      const key = { functionId: record.id, version: label }
      const version = Option.getOrNull(yield* metadata.findVersion(record.id, label))
      if (version === null) return yield* new VersionNotFound({ function: record.name, version: label })
      if (version.id === record.active_version_id) return yield* versionInForce(record, version)
      yield* restore(
        Effect.timeoutFail(pools.gone(version.id), {
          duration: WORKERS_PATIENCE,
          onTimeout: () =>
            new LimitExceeded({
              limit: "version_workers",
              value: Duration.toSeconds(WORKERS_PATIENCE),
              retryAfterSeconds: Duration.toSeconds(WORKERS_PATIENCE)
            })
        })
      )
      yield* bundles.condemn(key)
      reached("delete-version:condemned")
      yield* metadata
        .deleteVersion(record.id, version.id)
        .pipe(Effect.onError(() => log.orSay("could not clear up", record, label)(bundles.settle(key))))
      reached("delete-version:committed")
      yield* log.orSay("its bundle stays until the next start", record, label)(bundles.remove(key))
      yield* log.say("info", "version deleted", record, label)
      return { function_id: record.id, name: record.name, version: label, status: "deleted" as const }
    })

  return { deleteFunction, deleteVersion }
}
