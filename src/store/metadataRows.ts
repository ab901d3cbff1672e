import { Effect, ParseResult, Schema } from "effect"
import { Capabilities } from "../domain/Capabilities.ts"
import { StorageFailed } from "../domain/Errors.ts"
import {
  EnvironmentName,
  FunctionLimits,
  FunctionStatus,
  HandlerName,
  Isolation,
  Runtime,
  type DeploymentRecord,
  type FunctionRecord,
  type FunctionSettings,
  type VersionRecord
} from "../domain/FunctionSpec.ts"
import { DeploymentId, FunctionId, FunctionName, VersionId, VersionLabel } from "../domain/Ids.ts"

/** The rows of `metadata.db` as they are read. People and other programs can write there: nothing is taken on trust. */
const limits = FunctionLimits.fields

const Flag = Schema.transform(Schema.Literal(0, 1), Schema.Boolean, {
  strict: true,
  decode: (bit) => bit === 1,
  encode: (flag) => (flag ? 1 : 0)
})

const FunctionRow = Schema.Struct({
  id: FunctionId,
  name: FunctionName,
  runtime: Runtime,
  handler: HandlerName,
  status: FunctionStatus,
  memory_mb: Schema.NullOr(limits.memory_mb),
  timeout_seconds: Schema.NullOr(limits.timeout_seconds),
  max_concurrent_executions: Schema.NullOr(limits.max_concurrent_executions),
  warm_workers: Schema.NullOr(limits.warm_workers),
  max_workers: Schema.NullOr(limits.max_workers),
  concurrency: Schema.NullOr(limits.concurrency),
  idle_timeout_seconds: Schema.NullOr(limits.idle_timeout_seconds),
  max_worker_invocations: Schema.NullOr(limits.max_worker_invocations),
  max_worker_age_seconds: Schema.NullOr(limits.max_worker_age_seconds),
  expose_errors: Schema.NullOr(Flag),
  isolation: Schema.NullOr(Isolation),
  snapshot: Schema.NullOr(Flag),
  capabilities_json: Schema.NullOr(Schema.parseJson(Capabilities)),
  active_version_id: Schema.NullOr(VersionId),
  active_version: Schema.NullOr(VersionLabel),
  created_at: Schema.String,
  updated_at: Schema.String
})
type FunctionRow = typeof FunctionRow.Type

const EnvRow = Schema.Struct({ function_id: FunctionId, key: EnvironmentName, value: Schema.String })
type EnvRow = typeof EnvRow.Type

const VersionRow = Schema.Struct({
  id: VersionId,
  function_id: FunctionId,
  version: VersionLabel,
  bundle_path: Schema.String,
  size_bytes: Schema.NonNegativeInt,
  sha256: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/)),
  created_at: Schema.String
})

const DeploymentRow = Schema.Struct({
  id: DeploymentId,
  function_id: FunctionId,
  version_id: VersionId,
  version: VersionLabel,
  status: Schema.Literal("deployed", "superseded"),
  created_at: Schema.String
})

const decoder = <A, I>(table: string, row: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknown(Schema.Array(row))
  return (rows: unknown): Effect.Effect<ReadonlyArray<A>, StorageFailed> =>
    Effect.mapError(decode(rows), (error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      const [index, ...path] = issue?.path ?? []
      const id = idOf(Array.isArray(rows) && typeof index === "number" ? rows[index] : undefined)
      return new StorageFailed({
        operation: `read the ${table}`,
        reason: `a row (${id}) is damaged at ${path.join(".")}: ${issue?.message ?? "it does not fit"}`
      })
    })
}

const idOf = (row: unknown): string =>
  typeof row === "object" && row !== null && "id" in row && typeof row.id === "string"
    ? row.id
    : "without an id"

export const decodeFunctions = decoder("functions", FunctionRow)
export const decodeEnv = decoder("environments", EnvRow)
export const decodeVersions = decoder("versions", VersionRow)
export const decodeDeployments = decoder("deployments", DeploymentRow)

const settingsOf = (row: FunctionRow): FunctionSettings => ({
  ...(row.memory_mb === null ? {} : { memory_mb: row.memory_mb }),
  ...(row.timeout_seconds === null ? {} : { timeout_seconds: row.timeout_seconds }),
  ...(row.max_concurrent_executions === null
    ? {}
    : { max_concurrent_executions: row.max_concurrent_executions }),
  ...(row.warm_workers === null ? {} : { warm_workers: row.warm_workers }),
  ...(row.max_workers === null ? {} : { max_workers: row.max_workers }),
  ...(row.concurrency === null ? {} : { concurrency: row.concurrency }),
  ...(row.idle_timeout_seconds === null ? {} : { idle_timeout_seconds: row.idle_timeout_seconds }),
  ...(row.max_worker_invocations === null ? {} : { max_worker_invocations: row.max_worker_invocations }),
  ...(row.max_worker_age_seconds === null ? {} : { max_worker_age_seconds: row.max_worker_age_seconds }),
  ...(row.expose_errors === null ? {} : { expose_errors: row.expose_errors }),
  ...(row.isolation === null ? {} : { isolation: row.isolation }),
  ...(row.snapshot === null ? {} : { snapshot: row.snapshot }),
  ...(row.capabilities_json === null ? {} : { capabilities: row.capabilities_json })
})

export const functionRecords = (
  rows: ReadonlyArray<FunctionRow>,
  env: ReadonlyArray<EnvRow>
): ReadonlyArray<FunctionRecord> => {
  const byFunction = Map.groupBy(env, (row) => row.function_id)
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    runtime: row.runtime,
    handler: row.handler,
    status: row.status,
    settings: settingsOf(row),
    env: Object.fromEntries((byFunction.get(row.id) ?? []).map(({ key, value }) => [key, value])),
    active_version_id: row.active_version_id,
    active_version: row.active_version,
    created_at: row.created_at,
    updated_at: row.updated_at
  }))
}

/** `absolute` brings a bundle's path from the row's form into a place on this machine. */
export const versionRecords = (
  rows: ReadonlyArray<typeof VersionRow.Type>,
  absolute: (path: string) => string
): ReadonlyArray<VersionRecord> => rows.map((row) => ({ ...row, bundle_path: absolute(row.bundle_path) }))

export const deploymentRecords = (
  rows: ReadonlyArray<typeof DeploymentRow.Type>
): ReadonlyArray<DeploymentRecord> => rows
