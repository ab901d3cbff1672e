import { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Clock, Effect, Layer, Option } from "effect"
import { resolve } from "node:path"
import { ServerConfig } from "../config/ServerConfig.ts"
import { FunctionNotFound, StorageFailed, VersionNotFound } from "../domain/Errors.ts"
import { FaultPoint } from "../domain/FaultPoint.ts"
import type { RegisterFunction } from "../domain/FunctionSpec.ts"
import {
  isFunctionId,
  newDeploymentId,
  newFunctionId,
  newVersionId,
  type FunctionId,
  type VersionId,
  type VersionLabel
} from "../domain/Ids.ts"
import { registrationDifferences } from "../domain/registrationDifferences.ts"
import { bundlePath } from "./BundlePath.ts"
import { DataFolder, type DataFolderUnusable } from "./DataFolder.ts"
import { metadataMigrations } from "./metadataMigrations.ts"
import {
  decodeDeployments,
  decodeEnv,
  decodeFunctions,
  decodeVersions,
  deploymentRecords,
  functionRecords,
  versionRecords
} from "./metadataRows.ts"
import { MetadataStore, nameTaken, versionInForce, versionTaken, type NewVersion } from "./MetadataStore.ts"
import { openDatabase } from "./SqliteDatabase.ts"
import { describeFault } from "./StorageFault.ts"

const timestamp = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString())

const naming =
  (operation: string) =>
  <A, E>(body: Effect.Effect<A, E>): Effect.Effect<A, Exclude<E, SqlError> | StorageFailed> =>
    Effect.mapError(body, (error) =>
      error instanceof SqlError
        ? new StorageFailed({ operation, reason: describeFault(error).reason })
        : (error as Exclude<E, SqlError>)
    )

/** `metadata.db`. Bundle paths are kept relative to the bundle folder, so that a data folder can be moved. */
const make = Effect.gen(function* () {
  const { bundlesDir, metadataDb } = yield* ServerConfig
  // Asked for because of its lock: no other server has this database open.
  yield* DataFolder
  const reached = yield* FaultPoint
  const { patiently, sql, transact } = yield* openDatabase(metadataDb, metadataMigrations)

  const read = <A, E>(operation: string, body: Effect.Effect<A, E>) => naming(operation)(patiently(body))
  const write = <A, E>(operation: string, body: Effect.Effect<A, E>) => naming(operation)(transact(body))

  const functionsWhere = (condition: Fragment) =>
    Effect.gen(function* () {
      const rows = yield* decodeFunctions(
        yield* sql`SELECT f.*, v.version AS active_version
          FROM functions f LEFT JOIN function_versions v ON v.id = f.active_version_id
          WHERE f.status <> 'deleted' AND ${condition} ORDER BY f.name`
      )
      const env = yield* decodeEnv(
        yield* sql`SELECT e.function_id, e.key, e.value
          FROM function_env e JOIN functions f ON f.id = e.function_id
          WHERE f.status <> 'deleted' AND ${condition} ORDER BY e.key`
      )
      return functionRecords(rows, env)
    })

  const versionsWhere = (condition: Fragment) =>
    Effect.gen(function* () {
      const rows = yield* decodeVersions(
        yield* sql`SELECT v.id, v.function_id, v.version, v.bundle_path, v.size_bytes, v.sha256, v.created_at
          FROM function_versions v WHERE ${condition} ORDER BY v.rowid`
      )
      return versionRecords(rows, (path) => resolve(bundlesDir, path))
    })

  const requireFunction = (nameOrId: string) =>
    Effect.gen(function* () {
      const [found] = yield* functionsWhere(
        isFunctionId(nameOrId) ? sql`f.id = ${nameOrId}` : sql`f.name = ${nameOrId}`
      )
      return found ?? (yield* new FunctionNotFound({ function: nameOrId, reason: "unknown" }))
    })

  const registerFunction = (input: RegisterFunction) =>
    Effect.gen(function* () {
      const [existing] = yield* functionsWhere(sql`f.name = ${input.name}`)
      if (existing !== undefined && existing.active_version_id !== null) {
        const refusal = nameTaken(existing, input)
        return refusal === null ? existing : yield* refusal
      }
      if (existing !== undefined && registrationDifferences(existing, input).length === 0) return existing
      const id = existing?.id ?? newFunctionId()
      const at = yield* timestamp
      const settings = {
        runtime: input.runtime,
        handler: input.handler,
        memory_mb: input.memory_mb ?? null,
        timeout_seconds: input.timeout_seconds ?? null,
        max_concurrent_executions: input.max_concurrent_executions ?? null,
        warm_workers: input.warm_workers ?? null,
        max_workers: input.max_workers ?? null,
        concurrency: input.concurrency ?? null,
        idle_timeout_seconds: input.idle_timeout_seconds ?? null,
        max_worker_invocations: input.max_worker_invocations ?? null,
        max_worker_age_seconds: input.max_worker_age_seconds ?? null,
        expose_errors: input.expose_errors === undefined ? null : Number(input.expose_errors),
        isolation: input.isolation ?? null,
        snapshot: input.snapshot === undefined ? null : Number(input.snapshot),
        capabilities_json: input.capabilities === undefined ? null : JSON.stringify(input.capabilities),
        updated_at: at
      }
      yield* existing === undefined
        ? sql`INSERT INTO functions ${sql.insert({ id, name: input.name, status: "registered", created_at: at, ...settings })}`
        : sql`UPDATE functions SET ${sql.update(settings)} WHERE id = ${id}`
      reached("register:function-written")
      yield* sql`DELETE FROM function_env WHERE function_id = ${id}`
      for (const [key, value] of Object.entries(input.env)) {
        yield* sql`INSERT INTO function_env ${sql.insert({ function_id: id, key, value, is_secret: 0 })}`
      }
      reached("register:environment-written")
      return yield* Effect.catchTag(requireFunction(id), "FunctionNotFound", Effect.die)
    })

  const addVersion = (input: NewVersion) =>
    Effect.gen(function* () {
      const { functionId, sha256, version } = input
      yield* requireFunction(functionId)
      const sameLabel = sql`v.function_id = ${functionId} AND v.version = ${version}`
      const [existing] = yield* versionsWhere(sameLabel)
      if (existing !== undefined) {
        if (existing.sha256 !== sha256) return yield* versionTaken(existing, sha256)
        return { record: existing, created: false }
      }
      const at = yield* timestamp
      yield* sql`INSERT INTO function_versions ${sql.insert({
        id: newVersionId(),
        function_id: functionId,
        version,
        bundle_path: bundlePath(functionId, version),
        size_bytes: input.sizeBytes,
        sha256,
        created_at: at
      })}`
      reached("deploy:version-written")
      yield* sql`UPDATE functions SET status = 'built', updated_at = ${at}
        WHERE id = ${functionId} AND status = 'registered'`
      const [record] = yield* versionsWhere(sameLabel)
      return record === undefined
        ? yield* Effect.dieMessage("a row that was just inserted is not there")
        : { record, created: true }
    })

  const removeUndeployed = (versionId: VersionId) =>
    Effect.gen(function* () {
      const at = yield* timestamp
      const removed = yield* sql`DELETE FROM function_versions WHERE id = ${versionId}
        AND NOT EXISTS (SELECT 1 FROM function_deployments d WHERE d.version_id = ${versionId})
        RETURNING function_id`.values
      const functionId = removed[0]?.[0]
      if (functionId !== undefined) yield* unbuild(String(functionId), at)
    })

  /** A function of which no version is left is `registered` again. */
  const unbuild = (functionId: string, at: string) =>
    sql`UPDATE functions SET status = 'registered', updated_at = ${at}
      WHERE id = ${functionId} AND status = 'built'
      AND NOT EXISTS (SELECT 1 FROM function_versions v WHERE v.function_id = ${functionId})`

  const activate = (functionId: FunctionId, versionId: VersionId) =>
    Effect.gen(function* () {
      const found = yield* requireFunction(functionId)
      const [version] = yield* versionsWhere(sql`v.id = ${versionId} AND v.function_id = ${functionId}`)
      if (version === undefined) {
        return yield* new VersionNotFound({ function: found.name, version: versionId })
      }
      const id = newDeploymentId()
      const at = yield* timestamp
      yield* sql`UPDATE function_deployments SET status = 'superseded'
        WHERE function_id = ${functionId} AND status = 'deployed'`
      reached("switch:deployment-superseded")
      yield* sql`INSERT INTO function_deployments ${sql.insert({
        id,
        function_id: functionId,
        version_id: versionId,
        status: "deployed",
        created_at: at
      })}`
      reached("switch:deployment-written")
      yield* sql`UPDATE functions SET status = 'deployed', active_version_id = ${versionId}, updated_at = ${at}
        WHERE id = ${functionId}`
      return {
        id,
        function_id: functionId,
        version_id: versionId,
        version: version.version,
        status: "deployed" as const,
        created_at: at
      }
    })

  const versionBefore = (functionId: FunctionId) =>
    versionsWhere(sql`v.id = (
      SELECT d.version_id FROM function_deployments d JOIN functions f ON f.id = d.function_id
      WHERE d.function_id = ${functionId} AND d.version_id <> f.active_version_id
      ORDER BY d.rowid DESC LIMIT 1)`)

  const deleteFunction = (functionId: FunctionId) =>
    Effect.gen(function* () {
      yield* requireFunction(functionId)
      const at = yield* timestamp
      yield* sql`UPDATE function_deployments SET status = 'superseded'
        WHERE function_id = ${functionId} AND status = 'deployed'`
      reached("delete:deployment-superseded")
      yield* sql`DELETE FROM function_env WHERE function_id = ${functionId}`
      reached("delete:environment-removed")
      yield* sql`UPDATE functions SET status = 'deleted', updated_at = ${at} WHERE id = ${functionId}`
    })

  const deleteVersion = (functionId: FunctionId, versionId: VersionId) =>
    Effect.gen(function* () {
      const found = yield* requireFunction(functionId)
      const [version] = yield* versionsWhere(sql`v.id = ${versionId} AND v.function_id = ${functionId}`)
      if (version === undefined) {
        return yield* new VersionNotFound({ function: found.name, version: versionId })
      }
      if (found.active_version_id === versionId) return yield* versionInForce(found, version)
      yield* sql`DELETE FROM function_deployments WHERE version_id = ${versionId}`
      reached("delete-version:deployments-removed")
      yield* sql`DELETE FROM function_versions WHERE id = ${versionId}`
      yield* unbuild(functionId, yield* timestamp)
    })

  const listDeployed = Effect.gen(function* () {
    const functions = yield* functionsWhere(sql`f.status = 'deployed'`)
    const active = yield* versionsWhere(
      sql`v.id IN (SELECT active_version_id FROM functions WHERE status = 'deployed')`
    )
    const byId = new Map(active.map((version) => [version.id, version]))
    return functions.flatMap((found) => {
      const version = found.active_version_id === null ? undefined : byId.get(found.active_version_id)
      return version === undefined ? [] : [{ function: found, version }]
    })
  })

  return MetadataStore.of({
    registerFunction: (input) => write("register the function", registerFunction(input)),
    findFunction: (nameOrId) => read("read the function", requireFunction(nameOrId)),
    listFunctions: read("read the functions", functionsWhere(sql`1 = 1`)),
    addVersion: (version) => write("store the version", addVersion(version)),
    removeUndeployed: (versionId) => write("take the version back", removeUndeployed(versionId)),
    findVersion: (functionId: FunctionId, version: VersionLabel) =>
      read(
        "read the version",
        Effect.map(versionsWhere(sql`v.function_id = ${functionId} AND v.version = ${version}`), ([found]) =>
          Option.fromNullable(found)
        )
      ),
    listVersions: (functionId) =>
      read("read the versions", versionsWhere(sql`v.function_id = ${functionId}`)),
    wasDeployed: (versionId) =>
      read(
        "read the deployments",
        Effect.map(
          sql`SELECT 1 FROM function_deployments WHERE version_id = ${versionId} LIMIT 1`,
          (rows) => rows.length > 0
        )
      ),
    activate: (functionId, versionId) => write("activate the version", activate(functionId, versionId)),
    versionBefore: (functionId) =>
      read(
        "read the deployments",
        Effect.map(versionBefore(functionId), ([found]) => Option.fromNullable(found))
      ),
    deleteFunction: (functionId) => write("delete the function", deleteFunction(functionId)),
    deleteVersion: (functionId, versionId) =>
      write("delete the version", deleteVersion(functionId, versionId)),
    listDeployments: (functionId) =>
      read(
        "read the deployments",
        sql`SELECT d.id, d.function_id, d.version_id, v.version, d.status, d.created_at
          FROM function_deployments d JOIN function_versions v ON v.id = d.version_id
          WHERE d.function_id = ${functionId} ORDER BY d.rowid`.pipe(
          Effect.flatMap(decodeDeployments),
          Effect.map(deploymentRecords)
        )
      ),
    listDeployed: read("read the deployed functions", listDeployed)
  })
})

export const layer: Layer.Layer<MetadataStore, DataFolderUnusable, ServerConfig | DataFolder> = Layer.scoped(
  MetadataStore,
  make
)
