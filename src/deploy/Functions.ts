import { Context, Effect, Layer, Option } from "effect"
import { checkBundle } from "../build/checkBundle.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import { InvalidRequest, type ManagementError, type StorageFailed, type Violation } from "../domain/Errors.ts"
import { FaultPoint } from "../domain/FaultPoint.ts"
import type { FunctionRecord, RegisterFunction, Runtime, VersionRecord } from "../domain/FunctionSpec.ts"
import type { VersionLabel } from "../domain/Ids.ts"
import { runtimeRuleViolations } from "../domain/runtimeRules.ts"
import { registrationDifferences } from "../domain/registrationDifferences.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import { WorkerPools } from "../pool/WorkerPools.ts"
import type {
  DeployRequest,
  DeploymentView,
  FunctionDeletion,
  FunctionView,
  ResetView,
  RollbackRequest,
  RollbackView,
  RuntimesView,
  SystemView,
  VersionDeletion,
  VersionView
} from "../protocol/Management.ts"
import { Router } from "../router/Router.ts"
import { Scheduler } from "../scheduler/Scheduler.ts"
import type { Bundle } from "../store/BundleSource.ts"
import { BundleStore, type Provenance } from "../store/BundleStore.ts"
import { MetadataStore, nameTaken, versionTaken } from "../store/MetadataStore.ts"
import { AvailableRuntimes, runtimesView } from "./AvailableRuntimes.ts"
import { makeControlPlaneLog } from "./ControlPlaneLog.ts"
import { makeDeletion } from "./Deletion.ts"
import {
  effectiveLimits,
  functionView,
  settingsViolations,
  targetOf,
  versionView
} from "./FunctionInForce.ts"
import { makeRollback } from "./Rollback.ts"
import { makeSwitchOver, type Restore } from "./SwitchOver.ts"
import { systemView } from "./SystemInForce.ts"
import { makeTurns } from "./Turns.ts"

/** The control plane's use cases, the same for HTTP, socket and CLI. */
export class Functions extends Context.Tag("Functions")<
  Functions,
  {
    /**
     * Makes a function known. Until a version of it is in force, registering it again replaces its settings as a whole, so
     * that a first deployment that fails burns no name; from then on only the same settings are accepted.
     */
    readonly register: (input: RegisterFunction) => Effect.Effect<FunctionView, ManagementError>
    /**
     * Puts a version in force. Up to the commit point (`MetadataStore.activate`) any failure, interruption or crash leaves
     * the active version as it was, and takes back a version that this deployment added: a version whose code does not
     * load is not kept. From the commit point on it goes through. Deployments of one function take turns.
     */
    readonly deploy: (
      nameOrId: string,
      request: DeployRequest
    ) => Effect.Effect<DeploymentView, ManagementError>
    /**
     * Puts an earlier version in force again: the one named, or the one that was in force before. As with a deployment its
     * worker is ready before anything changes, any failure leaves what is in force, and it waits for its turn.
     */
    readonly rollback: (
      nameOrId: string,
      request: RollbackRequest
    ) => Effect.Effect<RollbackView, ManagementError>
    /**
     * Ends a function: no further call is taken on, those that were are finished, then its workers end. Its versions stay on
     * the disk, and its name is free for another function.
     */
    readonly deleteFunction: (nameOrId: string) => Effect.Effect<FunctionDeletion, ManagementError>
    /** Removes a version that is not in force, with its bundle and its deployments. Its label is free then. */
    readonly deleteVersion: (
      nameOrId: string,
      version: VersionLabel
    ) => Effect.Effect<VersionDeletion, ManagementError>
    /** Forgets failed starts and crashes of the function's workers: a quarantine ends. */
    readonly reset: (nameOrId: string) => Effect.Effect<ResetView, ManagementError>
    readonly get: (nameOrId: string) => Effect.Effect<FunctionView, ManagementError>
    readonly list: Effect.Effect<ReadonlyArray<FunctionView>, ManagementError>
    readonly versions: (nameOrId: string) => Effect.Effect<ReadonlyArray<VersionView>, ManagementError>
    /**
     * At start-up: completes or undoes what a crash cut short, makes all functions known, and serves
     * those that are deployed. Gives their number.
     */
    readonly restore: Effect.Effect<number, StorageFailed>
    /** Which runtimes functions can run on here, and why they cannot on the others. */
    readonly runtimes: RuntimesView
    /** What this server is able to do on this machine. */
    readonly system: Effect.Effect<SystemView>
  }
>() {}

/** A version in the stores, and what this deployment did to have it there. */
interface StoredVersion {
  readonly record: VersionRecord
  /** Null: it was there, intact. `repaired`: its row was there and its file was not as it should be. */
  readonly placed: Provenance | "repaired" | null
}

const make = Effect.gen(function* () {
  const config = yield* ServerConfig
  const metadata = yield* MetadataStore
  const bundles = yield* BundleStore
  const pools = yield* WorkerPools
  const router = yield* Router
  const scheduler = yield* Scheduler
  const runtimes = yield* AvailableRuntimes
  const reached = yield* FaultPoint
  const log = makeControlPlaneLog(yield* LogPipeline)
  const { orSay, say } = log
  const switchTo = makeSwitchOver({ config, metadata, pools, router, reached })
  const rollbackTo = makeRollback({ metadata, bundles, log, reached, switchTo })
  const { deleteFunction, deleteVersion } = makeDeletion({ metadata, bundles, pools, router, log, reached })
  const inTurn = makeTurns()

  const viewOf = (record: FunctionRecord) =>
    functionView(
      record,
      config,
      pools.countsOf(record.id),
      pools.quarantineOf(record.id),
      scheduler.queued(record.id),
      scheduler.counts(record.id)
    )

  const runtimeViolation = (runtime: Runtime): ReadonlyArray<Violation> => {
    const { unavailable } = runtimes[runtime]
    return unavailable === null ? [] : [{ field: "runtime", value: runtime, message: unavailable }]
  }

  const register = (input: RegisterFunction) =>
    Effect.gen(function* () {
      const violations = [
        ...runtimeViolation(input.runtime),
        ...runtimeRuleViolations(input.runtime, input),
        ...settingsViolations(input, config)
      ]
      if (violations.length > 0) return yield* new InvalidRequest({ violations })
      const before = yield* known(input.name)
      // The store would refuse it too, but knows no defaults.
      const refusal =
        before === null || before.active_version_id === null
          ? null
          : nameTaken(before, input, { ...effectiveLimits(before.settings, config) })
      if (refusal !== null) return yield* refusal
      reached("register:checked")
      const record = yield* metadata.registerFunction(input)
      reached("register:committed")
      router.announce(record.id, record.name)
      const changed = before === null ? [] : registrationDifferences(before, input)
      if (before === null) yield* say("info", "registered", record)
      else if (changed.length > 0) {
        yield* say(
          "info",
          `registered again; changed: ${changed.map(({ field }) => field).join(", ")}`,
          record
        )
      }
      return viewOf(record)
      // Between the row and its announcement there must be no way out.
    }).pipe(Effect.uninterruptible)

  const known = (name: string) =>
    Effect.catchTag(metadata.findFunction(name), "FunctionNotFound", () => Effect.succeed(null))

  const storeVersion = (
    { id }: FunctionRecord,
    version: VersionLabel,
    bundle: Bundle
  ): Effect.Effect<StoredVersion, ManagementError> =>
    Effect.gen(function* () {
      const key = { functionId: id, version }
      const existing = Option.getOrNull(yield* metadata.findVersion(id, version))
      if (existing !== null) {
        if (existing.sha256 !== bundle.sha256) return yield* versionTaken(existing, bundle.sha256)
        if (yield* bundles.isIntact(existing)) return { record: existing, placed: null }
        yield* bundles.save(key, bundle)
        reached("deploy:bundle-mended")
        return { record: existing, placed: "repaired" as const }
      }
      const placed = yield* bundles.save(key, bundle)
      reached("deploy:bundle-stored")
      const { record } = yield* metadata
        .addVersion({ ...key, sizeBytes: bundle.bytes.length, sha256: bundle.sha256 })
        .pipe(Effect.onError(() => orSay("could not clear up")(bundles.undo(key, placed))))
      return { record, placed }
    })

  /** The reverse of `storeVersion`, in the order that a crash in between can be recovered from. */
  const takeBack = (record: FunctionRecord, { placed, record: version }: StoredVersion) => {
    if (placed !== "saved" && placed !== "adopted") return Effect.void
    const key = { functionId: record.id, version: version.version }
    return metadata.removeUndeployed(version.id).pipe(
      Effect.tap(() => reached("undo:version-removed")),
      Effect.zipRight(bundles.undo(key, placed)),
      orSay("could not clear up after a failed deployment", record, version.version)
    )
  }

  /** What changes which version is in force: in turn, on the function as it is then, and with what a failure leaves. */
  const changing = <A>(
    nameOrId: string,
    what: string,
    version: VersionLabel | undefined,
    change: (record: FunctionRecord, restore: Restore) => Effect.Effect<A, ManagementError>
  ): Effect.Effect<A, ManagementError> =>
    turnOf(
      nameOrId,
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          reached("change:begun")
          // As it is now, after the wait.
          const record = yield* metadata.findFunction(nameOrId)
          const violations = runtimeViolation(record.runtime)
          if (violations.length > 0) return yield* new InvalidRequest({ violations })
          return yield* change(record, restore).pipe(
            Effect.catchTag("DeploymentFailed", (error) =>
              error.but({ kept: { function: record.name, version: record.active_version } })
            ),
            Effect.tapError((error) =>
              say(
                "warn",
                `not ${what}: ${error._tag === "DeploymentFailed" ? error.finding : error.message}`,
                record,
                version
              )
            )
          )
        })
      )
    )

  /** By its name, whichever way it is called: what is registered under it takes turns with what is put in force. */
  const turnOf = <A>(
    nameOrId: string,
    body: Effect.Effect<A, ManagementError>
  ): Effect.Effect<A, ManagementError> =>
    Effect.flatMap(metadata.findFunction(nameOrId), ({ name }) => inTurn(name, body))

  const deployTo = (record: FunctionRecord, request: DeployRequest, restore: Restore) =>
    Effect.gen(function* () {
      const bundle = yield* restore(
        Effect.tap(bundles.read(request), ({ text }) => checkBundle(text, record.runtime))
      )
      reached("deploy:bundle-checked")
      const stored = yield* storeVersion(record, request.version, bundle)
      const { version } = stored.record
      const isActive = record.active_version_id === stored.record.id
      const isUnchanged = isActive && stored.placed === null
      const undo = Effect.suspend(() => takeBack(record, stored))
      const deployment = yield* switchTo(record, stored.record, { isUnchanged, restore, undo })
      if (stored.placed !== null) {
        yield* orSay(
          "the deployment's marker stays until the next start",
          record
        )(bundles.settle({ functionId: record.id, version }))
      }
      yield* say(
        "info",
        isUnchanged ? "not deployed again: exactly this code is in force" : "deployed",
        record,
        version
      )
      return deployment
    })

  const recover = Effect.gen(function* () {
    for (const { functionId, state, version } of yield* bundles.pending) {
      const key = { functionId, version }
      const row = Option.getOrNull(yield* metadata.findVersion(functionId, version))
      if (state === "leaving") {
        yield* row === null ? bundles.remove(key) : bundles.settle(key)
        const outcome = row === null ? "completed" : "undone"
        yield* say(
          "warn",
          `the deletion of ${version} of ${functionId} was cut short and has been ${outcome}`
        )
        continue
      }
      if (row !== null && (yield* metadata.wasDeployed(row.id))) {
        yield* bundles.settle(key)
        continue
      }
      if (row !== null) yield* metadata.removeUndeployed(row.id)
      yield* bundles.undo(key, state)
      yield* say("warn", `a deployment of ${functionId} as ${version} was cut short and has been undone`)
    }
  })

  const restore = Effect.gen(function* () {
    yield* recover
    for (const { id, name } of yield* metadata.listFunctions) router.announce(id, name)
    let served = 0
    for (const { function: record, version } of yield* metadata.listDeployed) {
      const { unavailable } = runtimes[record.runtime]
      const target = targetOf(record, version, config)
      router.publish(target)
      if (unavailable !== null) {
        // Calls are told so too (FN_008): it is deployed, and can be served again once the runtime is back.
        yield* say("error", `cannot be served: ${unavailable}`, record, version.version)
        continue
      }
      served += 1
      // Without its file no worker could start. Its invocations say so (FN_005), and once the file is back they work.
      if (yield* bundles.isPresent(version)) yield* pools.open(target)
      else yield* say("error", "its bundle is missing or damaged; deploy it again", record, version.version)
    }
    return served
  })

  return Functions.of({
    // In turn with its deployments: what one of them puts in force is what is registered.
    register: (input) => inTurn(input.name, register(input)),
    deploy: (nameOrId, request) =>
      changing(nameOrId, "deployed", request.version, (record, restore) =>
        deployTo(record, request, restore)
      ),
    rollback: (nameOrId, request) =>
      changing(nameOrId, "rolled back", request.version, (record, restore) =>
        rollbackTo(record, request, restore)
      ),
    deleteFunction: (nameOrId) =>
      turnOf(
        nameOrId,
        Effect.uninterruptible(Effect.flatMap(metadata.findFunction(nameOrId), deleteFunction))
      ),
    deleteVersion: (nameOrId, version) =>
      turnOf(
        nameOrId,
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(metadata.findFunction(nameOrId), (record) => deleteVersion(record, version, restore))
        )
      ),
    reset: (nameOrId) =>
      Effect.gen(function* () {
        const record = yield* metadata.findFunction(nameOrId)
        const was_quarantined = yield* pools.reset(record.id)
        if (was_quarantined) yield* say("info", "reset: its failures are forgotten", record)
        return { function_id: record.id, name: record.name, was_quarantined }
      }),
    get: (nameOrId) => Effect.map(metadata.findFunction(nameOrId), viewOf),
    list: Effect.map(metadata.listFunctions, (records) => records.map(viewOf)),
    versions: (nameOrId) =>
      Effect.gen(function* () {
        const record = yield* metadata.findFunction(nameOrId)
        const versions = yield* metadata.listVersions(record.id)
        return versions.map((version) => versionView(version, record))
      }),
    restore,
    runtimes: runtimesView(runtimes),
    system: Effect.sync(() => systemView(runtimesView(runtimes), pools.memoryLimit, pools.spares()))
  })
})

export const layer: Layer.Layer<
  Functions,
  never,
  | ServerConfig
  | MetadataStore
  | BundleStore
  | WorkerPools
  | Router
  | Scheduler
  | AvailableRuntimes
  | LogPipeline
> = Layer.effect(Functions, make)
