import { Duration } from "effect"
import type { ServerOptions } from "../config/ServerConfig.ts"
import type { Violation } from "../domain/Errors.ts"
import type {
  FunctionLimits,
  FunctionRecord,
  FunctionSettings,
  FunctionStatus,
  VersionRecord
} from "../domain/FunctionSpec.ts"
import { capabilitiesInForce } from "../domain/runtimeRules.ts"
import type { Target } from "../domain/Invocation.ts"
import type { LifecycleState } from "../domain/Lifecycle.ts"
import type { Quarantine } from "../pool/Quarantine.ts"
import type { FunctionView, QuarantineView, VersionView, WorkerCounts } from "../protocol/Management.ts"

/** What follows from a function's record, the server's options and its workers. Pure. */

const wanted = (settings: FunctionSettings, options: ServerOptions): FunctionLimits => ({
  memory_mb: settings.memory_mb ?? options.memoryMb,
  timeout_seconds: settings.timeout_seconds ?? Duration.toSeconds(options.executionTimeout),
  max_concurrent_executions: settings.max_concurrent_executions ?? options.maxConcurrentExecutions,
  warm_workers: settings.warm_workers ?? options.warmWorkers,
  max_workers: settings.max_workers ?? options.maxWorkers,
  concurrency: settings.concurrency ?? options.concurrency,
  idle_timeout_seconds: settings.idle_timeout_seconds ?? Duration.toSeconds(options.idleTimeout),
  max_worker_invocations: settings.max_worker_invocations ?? options.maxWorkerInvocations,
  max_worker_age_seconds: settings.max_worker_age_seconds ?? Duration.toSeconds(options.maxWorkerAge)
})

/**
 * The limits in force: the function's own settings over the server's defaults. A function that was registered when the
 * server allowed more workers gets as many as it allows now.
 */
export const effectiveLimits = (settings: FunctionSettings, options: ServerOptions): FunctionLimits => {
  const limits = wanted(settings, options)
  const max_workers = Math.min(limits.max_workers, options.maxWorkersTotal)
  return { ...limits, max_workers, warm_workers: Math.min(limits.warm_workers, max_workers) }
}

/** What is wrong with settings on this server, each field being right by itself. */
export const settingsViolations = (
  settings: FunctionSettings,
  options: ServerOptions
): ReadonlyArray<Violation> => {
  const { max_workers, warm_workers } = wanted(settings, options)
  const violations: Array<Violation> = []
  if (settings.max_workers !== undefined && max_workers > options.maxWorkersTotal) {
    violations.push({
      field: "max_workers",
      value: max_workers,
      message: `this server runs at most ${options.maxWorkersTotal} workers in all (max_workers_total)`
    })
  }
  // Asked for by the function, not by the server's defaults meeting each other.
  const asked = settings.warm_workers !== undefined || settings.max_workers !== undefined
  if (asked && warm_workers > max_workers) {
    violations.push({
      field: "warm_workers",
      value: warm_workers,
      message: `must not be above max_workers, which is ${max_workers}`
    })
  }
  return violations
}

/** The life-cycle state, from the stored status and the workers observed now. */
export const stateOf = (status: FunctionStatus, workers: WorkerCounts): LifecycleState => {
  switch (status) {
    case "registered":
      return "REGISTERED"
    case "built":
      return "BUILT"
    case "deleted":
      return "TERMINATED"
    case "deployed":
      if (workers.busy > 0) return "BUSY"
      if (workers.warm > 0) return "WARM"
      return workers.idle > 0 ? "IDLE" : "DEPLOYED"
  }
}

export const targetOf = (record: FunctionRecord, version: VersionRecord, options: ServerOptions): Target => ({
  functionId: record.id,
  name: record.name,
  versionId: version.id,
  version: version.version,
  runtime: record.runtime,
  handler: record.handler,
  bundlePath: version.bundle_path,
  limits: effectiveLimits(record.settings, options),
  capabilities: capabilitiesInForce(record.runtime, record.settings),
  env: record.env,
  exposeErrors: record.settings.expose_errors ?? false,
  isolation: record.settings.isolation ?? "worker",
  snapshot: record.settings.snapshot ?? false
})

/** What callers see of a function: of its environment the names only. */
export const functionView = (
  record: FunctionRecord,
  options: ServerOptions,
  workers: WorkerCounts,
  quarantine: Quarantine | null,
  queued: number,
  invocations: FunctionView["invocations"]
): FunctionView => ({
  function_id: record.id,
  name: record.name,
  runtime: record.runtime,
  handler: record.handler,
  status: record.status,
  state: stateOf(record.status, workers),
  active_version: record.active_version,
  ...effectiveLimits(record.settings, options),
  expose_errors: record.settings.expose_errors ?? false,
  isolation: record.settings.isolation ?? "worker",
  snapshot: record.settings.snapshot ?? false,
  capabilities: capabilitiesInForce(record.runtime, record.settings),
  env: Object.keys(record.env).sort(),
  workers,
  quarantine: quarantine === null ? null : quarantineView(quarantine),
  queued,
  invocations,
  created_at: record.created_at,
  updated_at: record.updated_at
})

const quarantineView = ({ cause, failures, lastedMs, reason, waitMs }: Quarantine): QuarantineView => {
  const now = Date.now()
  const at = (instant: number): string => new Date(instant).toISOString()
  return { cause, failures, since: at(now - lastedMs), until: at(now + waitMs), reason }
}

export const versionView = (version: VersionRecord, record: FunctionRecord): VersionView => ({
  id: version.id,
  version: version.version,
  active: version.id === record.active_version_id,
  size_bytes: version.size_bytes,
  sha256: version.sha256,
  bundle_path: version.bundle_path,
  created_at: version.created_at
})
