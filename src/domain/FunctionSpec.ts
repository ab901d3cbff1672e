import { Either, ParseResult, Schema } from "effect"
import { Capabilities } from "./Capabilities.ts"
import { FunctionId, FunctionName, VersionId, VersionLabel } from "./Ids.ts"

export const Runtime = Schema.Literal("bun", "quickjs-ng")
export type Runtime = typeof Runtime.Type

const wholeNumber = (least: number, most: number) =>
  Schema.Int.pipe(
    Schema.between(least, most, { message: () => `use a whole number from ${least} to ${most}` })
  )

const seconds = (least: number, most: number) =>
  Schema.Number.pipe(
    Schema.between(least, most, { message: () => `use a number of seconds from ${least} to ${most}` })
  )

/** 15 minutes: no invocation may take longer, in seconds. */
export const LONGEST_INVOCATION_SECONDS = 900

const limits = {
  /** Memory of one worker, in MiB. */
  memory_mb: wholeNumber(16, 4096),
  /** Wall time of one invocation, queueing included, in seconds. */
  timeout_seconds: seconds(0.05, LONGEST_INVOCATION_SECONDS),
  /** Invocations of this function that may run at once, over all its workers. */
  max_concurrent_executions: wholeNumber(1, 10_000),
  /** Workers kept ready even when nothing calls. */
  warm_workers: wholeNumber(0, 1000),
  /** Workers that may live at once, those still starting included. */
  max_workers: wholeNumber(1, 1000),
  /** Invocations that one worker may have in flight. */
  concurrency: wholeNumber(1, 10_000),
  /** A worker beyond `warm_workers` ends after so long without work, in seconds. */
  idle_timeout_seconds: seconds(0.05, 86_400),
  /** Invocations in a worker's life, after which it is replaced; 0: as many as there are. */
  max_worker_invocations: wholeNumber(0, 1_000_000_000),
  /** A worker that has been ready for so long is replaced, in seconds; 0: never. */
  max_worker_age_seconds: seconds(0, 2_592_000)
}

/** Limits of one function. Every field has its unit in its name; what is left out follows the server's defaults. */
export const FunctionLimits = Schema.Struct(limits)
export type FunctionLimits = typeof FunctionLimits.Type

/**
 * Who shares a worker. `worker`: the invocations of one version, one after another (or at once, by `concurrency`).
 * `invocation`: nobody; each invocation has a fresh worker, which ends with it, so that nothing survives between calls.
 */
export const Isolation = Schema.Literal("worker", "invocation")
export type Isolation = typeof Isolation.Type

/** Environment variables of a function: their names as a shell takes them, at most 4 KiB a value. */
export const EnvironmentName = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, {
    message: () => "use letters, digits and '_', not beginning with a digit, at most 128 characters"
  }),
  Schema.filter(
    // BUN_OPTIONS and its like would run code, or change flags, before the worker's own program begins.
    (name) => !/^BUN(BASE)?_/.test(name) || "names beginning with BUNBASE_ or BUN_ are the service's own"
  )
)
const decodeEnvironmentName = Schema.decodeEither(EnvironmentName)
export const Environment = Schema.Record({
  // Not `EnvironmentName`: of a record with such a key, names that do not fit would silently be left out.
  key: Schema.String,
  value: Schema.String.pipe(
    Schema.maxLength(4096, { message: () => "a value has at most 4096 characters" }),
    Schema.filter((value) => !value.includes("\0") || "a value cannot contain a NUL character")
  )
}).pipe(
  Schema.filter((environment) =>
    Object.keys(environment).flatMap((name) => {
      const named = decodeEnvironmentName(name)
      if (Either.isRight(named)) return []
      return ParseResult.ArrayFormatter.formatErrorSync(named.left).map(({ message }) => ({
        path: [name],
        message
      }))
    })
  )
)
export type Environment = typeof Environment.Type

export const HandlerName = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z_$][A-Za-z0-9_$]{0,127}$/, {
    message: () => "use the name of an export: letters, digits, '_' and '$', not beginning with a digit"
  })
)

/** What a caller may say about a function, on registering it and later. */
export const FunctionSettings = Schema.Struct({
  memory_mb: Schema.optional(limits.memory_mb),
  timeout_seconds: Schema.optional(limits.timeout_seconds),
  max_concurrent_executions: Schema.optional(limits.max_concurrent_executions),
  warm_workers: Schema.optional(limits.warm_workers),
  max_workers: Schema.optional(limits.max_workers),
  concurrency: Schema.optional(limits.concurrency),
  idle_timeout_seconds: Schema.optional(limits.idle_timeout_seconds),
  max_worker_invocations: Schema.optional(limits.max_worker_invocations),
  max_worker_age_seconds: Schema.optional(limits.max_worker_age_seconds),
  /** Tell the caller the message of an error that the handler threw (never its stack). Default: false. */
  expose_errors: Schema.optional(Schema.Boolean),
  /** Default: `worker`. */
  isolation: Schema.optional(Isolation),
  /**
   * Fork workers from a process that has evaluated the bundle already (quickjs-ng only). Default: false. What the bundle
   * computed at its top level (the time, random numbers) is then the same in all workers.
   */
  snapshot: Schema.optional(Schema.Boolean),
  capabilities: Schema.optional(Capabilities)
})
export type FunctionSettings = typeof FunctionSettings.Type

/** The stored status of a function, as the documents name it. Worker states (WARM, BUSY, IDLE) live with the pool. */
export const FunctionStatus = Schema.Literal("registered", "built", "deployed", "deleted")
export type FunctionStatus = typeof FunctionStatus.Type

export const RegisterFunction = Schema.Struct({
  name: FunctionName,
  runtime: Schema.optionalWith(Runtime, { default: () => "bun" as const }),
  /** The export that handles requests when there is no default export. */
  handler: Schema.optionalWith(HandlerName, { default: () => "handler" }),
  env: Schema.optionalWith(Environment, { default: () => ({}) }),
  ...FunctionSettings.fields
})
export type RegisterFunction = typeof RegisterFunction.Type

/** A function as the metadata store keeps it. Times are ISO 8601 in UTC. */
export interface FunctionRecord {
  readonly id: FunctionId
  readonly name: FunctionName
  readonly runtime: Runtime
  readonly handler: string
  readonly status: FunctionStatus
  readonly settings: FunctionSettings
  readonly env: Environment
  readonly active_version_id: VersionId | null
  /** The label of the active version. */
  readonly active_version: VersionLabel | null
  readonly created_at: string
  readonly updated_at: string
}

/** An immutable snapshot of a function's code. */
export interface VersionRecord {
  readonly id: VersionId
  readonly function_id: FunctionId
  readonly version: VersionLabel
  /** Absolute path of the stored bundle. */
  readonly bundle_path: string
  readonly size_bytes: number
  /** Of the bundle's bytes, lower-case hex. */
  readonly sha256: string
  readonly created_at: string
}

/** What happened on one DEPLOY or ROLLBACK. */
export interface DeploymentRecord {
  readonly id: string
  readonly function_id: FunctionId
  readonly version_id: VersionId
  readonly version: VersionLabel
  readonly status: "deployed" | "superseded"
  readonly created_at: string
}
