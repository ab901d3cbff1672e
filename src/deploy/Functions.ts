import { Clock, Context, Effect, Layer, Option } from "effect"
import { checkBundle } from "../build/checkBundle.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import {
  DeploymentFailed,
  InvalidRequest,
  type ColdStartTimeout,
  type ManagementError,
  type StorageFailed,
  type Violation
} from "../domain/Errors.ts"
import type { FunctionRecord, RegisterFunction, Runtime, VersionRecord } from "../domain/FunctionSpec.ts"
import type { FunctionId, VersionLabel } from "../domain/Ids.ts"
import { runtimeRuleViolations } from "../domain/runtimeRules.ts"
import { registrationDifferences } from "../domain/registrationDifferences.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import { StackMapper } from "../logs/StackMapper.ts"
import { WorkerPools } from "../pool/WorkerPools.ts"
import type { LogLevel } from "../protocol/worker/Wire.ts"
import type {
  DeployRequest,
  DeploymentView,
  FunctionView,
  RuntimesView,
  VersionView
} from "../protocol/Management.ts"
import { Router } from "../router/Router.ts"
import { Scheduler } from "../scheduler/Scheduler.ts"
import type { Bundle } from "../store/BundleSource.ts"
import { BundleStore, type Provenance } from "../store/BundleStore.ts"
import { MetadataStore, nameTaken, versionTaken } from "../store/MetadataStore.ts"
import { AvailableRuntimes, runtimesView } from "./AvailableRuntimes.ts"
import {
  effectiveLimits,
  functionView,
  settingsViolations,
  targetOf,
  versionView
} from "./FunctionInForce.ts"
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
    readonly get: (nameOrId: string) => Effect.Effect<FunctionView, ManagementError>
    readonly list: Effect.Effect<ReadonlyArray<FunctionView>, ManagementError>
    readonly versions: (nameOrId: string) => Effect.Effect<ReadonlyArray<VersionView>, ManagementError>
    /**
     * At start-up: completes or undoes deployments that a crash cut short, makes all functions known, and serves
     * those that are deployed. Gives their number.
     */
    readonly restore: Effect.Effect<number, StorageFailed>
    /** Which runtimes functions can run on here, and why they cannot on the others. */
    readonly runtimes: RuntimesView
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
  const logs = yield* LogPipeline
  const inTurn = makeTurns()

  const say = (level: LogLevel, message: string, record?: FunctionRecord, version?: VersionLabel) =>
    Effect.map(Clock.currentTimeMillis, (at) =>
      logs.log({
        at,
        level,
        message,
        ...(record === undefined ? {} : { functionId: record.id, functionName: record.name }),
        ...(version === undefined ? {} : { version })
      })
    )

  /** For clearing up: a failure there must not hide the failure that led to it. */
  const orSay =
    (what: string, record?: FunctionRecord, version?: VersionLabel) =>
    (body: Effect.Effect<void, { readonly message: string }>): Effect.Effect<void> =>
      Effect.catchAll(body, (error) => say("warn", `${what}: ${error.message}`, record, version))

  const viewOf = (record: FunctionRecord) =>
    functionView(record, config, pools.countsOf(record.id), scheduler.queued(record.id))

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
      const record = yield* metadata.registerFunction(input)
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
        return { record: existing, placed: "repaired" as const }
      }
      const placed = yield* bundles.save(key, bundle)
      const { record } = yield* metadata
        .addVersion({ ...key, sizeBytes: bundle.bytes.length, sha256: bundle.sha256 })
        .pipe(Effect.onError(() => orSay("could not clear up")(bundles.undo(key, placed))))
      return { record, placed }
    })

  /** The reverse of `storeVersion`, in the order that a crash in between can be recovered from. */
  const takeBack = (record: FunctionRecord, { placed, record: version }: StoredVersion) => {
    if (placed !== "saved" && placed !== "adopted") return Effect.void
    const key = { functionId: record.id, version: version.version }
    return metadata
      .removeUndeployed(version.id)
      .pipe(
        Effect.zipRight(bundles.undo(key, placed)),
        orSay("could not clear up after a failed deployment", record, version.version)
      )
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

  const deployInTurn = (functionId: FunctionId, request: DeployRequest) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        // As it is now, after the wait.
        const record = yield* metadata.findFunction(functionId)
        const violations = runtimeViolation(record.runtime)
        if (violations.length > 0) return yield* new InvalidRequest({ violations })
        return yield* deployTo(record, request, restore).pipe(
          Effect.catchTag("DeploymentFailed", (error) =>
            error.but({ kept: { function: record.name, version: record.active_version } })
          ),
          Effect.tapError((error) => sayFailed(error, record, request.version))
        )
      })
    )

  type Restore = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

  const deployTo = (record: FunctionRecord, request: DeployRequest, restore: Restore) =>
    Effect.gen(function* () {
      const functionId = record.id
      const bundle = yield* restore(
        Effect.tap(bundles.read(request), ({ text }) => checkBundle(text, record.runtime))
      )
      const stored = yield* storeVersion(record, request.version, bundle)
      const version = stored.record
      const target = targetOf(record, version, config)
      const isActive = record.active_version_id === version.id
      const isUnchanged = isActive && stored.placed === null

      const load = isUnchanged ? Effect.void : restore(pools.prepare(target))
      const deployment = yield* load.pipe(
        Effect.catchTag("ColdStartTimeout", notReady),
        Effect.catchTag("DeploymentFailed", (error) => atItsSource(error, version)),
        Effect.zipRight(metadata.activate(functionId, version.id)),
        Effect.onError(() =>
          Effect.zipRight(isActive ? Effect.void : pools.retire(version.id), takeBack(record, stored))
        )
      )

      router.publish(target)
      if (record.active_version_id !== null && !isActive) yield* pools.retire(record.active_version_id)
      if (stored.placed !== null) {
        yield* orSay(
          "the deployment's marker stays until the next start",
          record
        )(bundles.settle({ functionId, version: version.version }))
      }
      yield* say(
        "info",
        isUnchanged ? "not deployed again: exactly this code is in force" : "deployed",
        record,
        version.version
      )
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

  const sayFailed = (error: ManagementError, record: FunctionRecord, version: VersionLabel) =>
    say(
      "warn",
      `not deployed: ${error._tag === "DeploymentFailed" ? error.finding : error.message}`,
      record,
      version
    )

  const recover = Effect.gen(function* () {
    for (const { functionId, provenance, version } of yield* bundles.pending) {
      const key = { functionId, version }
      const row = Option.getOrNull(yield* metadata.findVersion(functionId, version))
      if (row !== null && (yield* metadata.wasDeployed(row.id))) {
        yield* bundles.settle(key)
        continue
      }
      if (row !== null) yield* metadata.removeUndeployed(row.id)
      yield* bundles.undo(key, provenance)
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
      Effect.flatMap(metadata.findFunction(nameOrId), ({ id, name }) =>
        inTurn(name, deployInTurn(id, request))
      ),
    get: (nameOrId) => Effect.map(metadata.findFunction(nameOrId), viewOf),
    list: Effect.map(metadata.listFunctions, (records) => records.map(viewOf)),
    versions: (nameOrId) =>
      Effect.gen(function* () {
        const record = yield* metadata.findFunction(nameOrId)
        const versions = yield* metadata.listVersions(record.id)
        return versions.map((version) => versionView(version, record))
      }),
    restore,
    runtimes: runtimesView(runtimes)
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
