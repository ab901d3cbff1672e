import { Schema } from "effect"
import { START_CAUSES } from "../domain/ColdStart.ts"
import { END_CAUSES } from "../domain/EndCause.ts"
import { Capabilities } from "../domain/Capabilities.ts"
import { FunctionLimits, FunctionStatus, Isolation, Runtime } from "../domain/FunctionSpec.ts"
import { VersionLabel } from "../domain/Ids.ts"

/**
 * The management plane's requests and answers, the same over HTTP, socket and client library. Field names are the
 * documents' own (`function_id`, `bundle_path`, …).
 */

/** Workers of one version by state, as observed at one instant. */
export const WorkerCounts = Schema.Struct({
  starting: Schema.Int,
  /** Ready without work, within the `warm_workers` that are kept. */
  warm: Schema.Int,
  busy: Schema.Int,
  /** Ready without work, beyond those kept: ends at its idle time-out. */
  idle: Schema.Int,
  /** Takes no new work and ends when what it has is done. */
  draining: Schema.Int
})
export type WorkerCounts = typeof WorkerCounts.Type

const byCause = <Cause extends string>(causes: ReadonlyArray<Cause>) =>
  Schema.partial(Schema.Record({ key: Schema.Literal(...causes), value: Schema.Int }))

export const InvocationCounts = Schema.Struct({
  ok: Schema.Int,
  /** By the limit or fault that ended them. */
  failed: byCause(END_CAUSES),
  /** By the reason why their worker was started. */
  cold_starts: byCause(START_CAUSES)
})

/** Why no workers of a function are started: they crashed, or did not start, too often in a row. */
export const QuarantineView = Schema.Struct({
  cause: Schema.Literal("starts_fail", "crashes"),
  /** So many in a row. */
  failures: Schema.Int,
  since: Schema.String,
  /** When one worker is tried again. */
  until: Schema.String,
  /** What happened, how it last failed, and what to do. */
  reason: Schema.String
})
export type QuarantineView = typeof QuarantineView.Type

export const FunctionView = Schema.Struct({
  function_id: Schema.String,
  name: Schema.String,
  runtime: Runtime,
  handler: Schema.String,
  status: FunctionStatus,
  /** REGISTERED, BUILT, DEPLOYED, WARM, BUSY, IDLE, TERMINATED. */
  state: Schema.Literal("REGISTERED", "BUILT", "DEPLOYED", "WARM", "BUSY", "IDLE", "TERMINATED"),
  active_version: Schema.NullOr(Schema.String),
  /** The limits in force: the function's own, and the server's defaults for the rest. */
  ...FunctionLimits.fields,
  expose_errors: Schema.Boolean,
  isolation: Isolation,
  snapshot: Schema.Boolean,
  capabilities: Capabilities,
  /** Names only; values never leave the service. */
  env: Schema.Array(Schema.String),
  workers: WorkerCounts,
  /** Null where workers are started as they are wanted. */
  quarantine: Schema.NullOr(QuarantineView),
  /** Invocations waiting for a worker. */
  queued: Schema.Int,
  /** What became of its invocations since the server was started. */
  invocations: InvocationCounts,
  created_at: Schema.String,
  updated_at: Schema.String
})
export type FunctionView = typeof FunctionView.Type

export const VersionView = Schema.Struct({
  id: Schema.String,
  version: Schema.String,
  active: Schema.Boolean,
  size_bytes: Schema.Int,
  sha256: Schema.String,
  bundle_path: Schema.String,
  created_at: Schema.String
})
export type VersionView = typeof VersionView.Type

export const DeploymentView = Schema.Struct({
  deployment_id: Schema.String,
  function_id: Schema.String,
  name: Schema.String,
  version: Schema.String,
  status: Schema.Literal("deployed"),
  sha256: Schema.String,
  size_bytes: Schema.Int,
  created_at: Schema.String
})
export type DeploymentView = typeof DeploymentView.Type

/** A deployment that put an earlier version in force again. */
export const RollbackView = Schema.Struct({
  ...DeploymentView.fields,
  /** The version that was in force before: the same one, where the version asked for was in force already. */
  replaced: Schema.String
})
export type RollbackView = typeof RollbackView.Type

export const FunctionDeletion = Schema.Struct({
  function_id: Schema.String,
  name: Schema.String,
  status: Schema.Literal("deleted")
})
export type FunctionDeletion = typeof FunctionDeletion.Type

export const VersionDeletion = Schema.Struct({ ...FunctionDeletion.fields, version: Schema.String })
export type VersionDeletion = typeof VersionDeletion.Type

/** By name: whether functions can run on it here, and if not, why not and what to do. */
export const RuntimesView = Schema.Record({
  key: Schema.String,
  value: Schema.Struct({ available: Schema.Boolean, reason: Schema.optional(Schema.String) })
})
export type RuntimesView = typeof RuntimesView.Type

/** What `GET /ready` is answered, with 200 or, where `ready` is false, 503. */
export const ReadyView = Schema.Struct({
  ready: Schema.Boolean,
  state: Schema.Literal("starting", "ready", "draining"),
  runtimes: RuntimesView
})
export type ReadyView = typeof ReadyView.Type

/** What a server is able to do on its machine. */
export const SystemView = Schema.Struct({
  version: Schema.String,
  runtimes: RuntimesView,
  /** By runtime: what holds its workers to their `memory_mb`. */
  memory_limits: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({
      /** A control group of each worker, a look at each at short intervals, or the runtime itself. */
      by: Schema.Literal("cgroup", "sampling", "engine"),
      cgroup_version: Schema.optional(Schema.Literal(1, 2)),
      /** Why there are no control groups, where they were wanted. */
      reason: Schema.optional(Schema.String)
    })
  }),
  /** By runtime: processes that were started for no function in particular, and can be taken now. */
  spare_workers: Schema.Record({ key: Schema.String, value: Schema.Int })
})
export type SystemView = typeof SystemView.Type

/** A bundle on this machine. */
export const DeployByPath = Schema.Struct({ version: VersionLabel, bundle_path: Schema.String })
/** A bundle sent along: JavaScript text, and its source map if there is one. */
export const DeployByUpload = Schema.Struct({
  version: VersionLabel,
  bundle: Schema.String,
  source_map: Schema.optional(Schema.String)
})
export const DeployRequest = Schema.Union(DeployByUpload, DeployByPath)
export type DeployRequest = typeof DeployRequest.Type

/** The version to go back to; without one it is the version that was in force before. */
/** What failed before is forgotten. */
export const ResetView = Schema.Struct({
  function_id: Schema.String,
  name: Schema.String,
  /** Whether that ended a quarantine. */
  was_quarantined: Schema.Boolean
})
export type ResetView = typeof ResetView.Type

export const RollbackRequest = Schema.Struct({ version: Schema.optional(VersionLabel) })
export type RollbackRequest = typeof RollbackRequest.Type

export const FunctionList = Schema.Struct({ functions: Schema.Array(FunctionView) })
export const VersionList = Schema.Struct({ versions: Schema.Array(VersionView) })
