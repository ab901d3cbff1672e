import { Data } from "effect"
import type { MemoryReading } from "./MemoryReading.ts"

/**
 * The typed errors behind FN_001–FN_009. Every failure that leaves the service is one of these; which HTTP status and
 * socket status each becomes is in one table, `protocol/ErrorTable.ts`. `message` is written for the caller: it says
 * what happened and what to do, and never shows a path or a stack of ours.
 */

/** One thing that is wrong with what the caller sent: which field, what it was, what to do. */
export interface Violation {
  readonly field: string
  readonly value?: unknown
  readonly message: string
}

/** FN_001: no such function, or no version of it is deployed. */
export class FunctionNotFound extends Data.TaggedError("FunctionNotFound")<{
  readonly function: string
  readonly reason: "unknown" | "not_deployed"
}> {
  override get message() {
    return this.reason === "unknown"
      ? `no function is called "${this.function}"; list them with: bunbase fn list`
      : `"${this.function}" is registered, but no version of it is deployed; deploy one with: bunbase fn deploy ${this.function} FILE`
  }
}

/** FN_001: the function exists, the version does not. */
export class VersionNotFound extends Data.TaggedError("VersionNotFound")<{
  readonly function: string
  readonly version: string
}> {
  override get message() {
    return `"${this.function}" has no version "${this.version}"; list them with: bunbase fn versions ${this.function}`
  }
}

/** FN_002: the deadline passed (R-3). */
export class ExecutionTimeout extends Data.TaggedError("ExecutionTimeout")<{
  readonly timeoutMs: number
  /** Where the time went when it ran out. */
  readonly phase: "queue" | "run"
}> {
  override get message() {
    return this.phase === "run"
      ? `the function did not answer within its ${this.timeoutMs} ms and was stopped`
      : `the invocation waited for a worker until its ${this.timeoutMs} ms had passed; it was never started`
  }
}

/** FN_003: a worker grew over its `memory_mb`. */
export class MemoryLimitExceeded extends Data.TaggedError("MemoryLimitExceeded")<{
  readonly limitMb: number
  /** What its worker had, where that is measured from outside. */
  readonly measured?: MemoryReading
}> {
  override get message() {
    const { measured } = this
    const had =
      measured === undefined
        ? ""
        : ` (memory_mb): ${measured.usedMb} MiB when it was ended by ${measured.by === "cgroup" ? "its control group" : "sampling"}, ${measured.peakMb} MiB at the most`
    return `the function used more than its ${this.limitMb} MiB of memory${had}; its worker was replaced`
  }
}

/** FN_004 (500): the handler threw, or answered something that is not a Response. */
export class HandlerFailed extends Data.TaggedError("HandlerFailed")<{
  readonly kind: "threw" | "invalid_response"
  /** The handler's own words; shown to the caller only with `expose_errors`. */
  readonly handlerMessage: string
  readonly handlerStack?: string
  readonly exposed: boolean
}> {
  override get message() {
    const what =
      this.kind === "threw" ? "the function threw an error" : "the function did not answer with a Response"
    return this.exposed
      ? `${what}: ${this.handlerMessage}`
      : `${what}; its message and stack are in the function's log`
  }
}

/** FN_004 (502): the worker died or broke the protocol while it had this invocation. */
export class WorkerCrashed extends Data.TaggedError("WorkerCrashed")<{
  readonly cause: "exit" | "signal" | "protocol"
  readonly reason: string
  readonly exitCode?: number
  readonly signal?: string
}> {
  override get message() {
    return `the function's worker failed while it ran the invocation: ${this.reason}`
  }
}

/** FN_004 (502): the function's answer cannot be handed on. Its worker is as good as before. */
export class ResponseTooLarge extends Data.TaggedError("ResponseTooLarge")<{
  readonly limit: "max_response_bytes" | "socket_frame"
  readonly bytes: number
}> {
  override get message() {
    return this.limit === "max_response_bytes"
      ? `the response is larger than max_response_bytes (${this.bytes})`
      : `the response does not fit into a frame of the socket (${this.bytes} bytes); call the function over HTTP instead`
  }
}

/** FN_004 (500): the service's own storage failed. */
export class StorageFailed extends Data.TaggedError("StorageFailed")<{
  readonly operation: string
  readonly reason: string
}> {
  override get message() {
    return `the service could not ${this.operation}: ${this.reason}`
  }
}

/** FN_004 (500): a fault of the service's own. It says nothing about the fault, which belongs into the service's log. */
export class InternalFault extends Data.TaggedError("InternalFault")<Record<never, never>> {
  override get message() {
    return "the service could not answer this request, because of an internal error; its cause is in the service's log"
  }
}

/** FN_005: this code cannot be deployed; what was active stays active. */
export class DeploymentFailed extends Data.TaggedError("DeploymentFailed")<{
  readonly stage: "bundle" | "syntax" | "import" | "handler" | "start" | "version"
  readonly reason: string
  readonly file?: string
  /** 1-based. */
  readonly line?: number | undefined
  /** 1-based. */
  readonly column?: number | undefined
  /** Of a deployment that was refused as a whole: the function, and its version in force, null where there is none. */
  readonly kept?: { readonly function: string; readonly version: string | null }
}> {
  constructor(fields: Pick<DeploymentFailed, "stage" | "reason" | "file" | "line" | "column" | "kept">) {
    // The engine gives every Error a `line` and a `column` of its own: where it was made, which is not what is meant.
    super({ line: undefined, column: undefined, ...fields })
  }

  /** The same failure with some fields changed. */
  but(changes: Partial<Pick<DeploymentFailed, "file" | "line" | "column" | "kept">>): DeploymentFailed {
    const { column, file, kept, line, reason, stage } = this
    return new DeploymentFailed({
      stage,
      reason,
      line,
      column,
      ...(file === undefined ? {} : { file }),
      ...(kept === undefined ? {} : { kept }),
      ...changes
    })
  }

  /** What is wrong with the code, and where; a line for each finding. */
  get finding() {
    const place =
      this.file === undefined
        ? ""
        : `${this.file}${this.line === undefined ? "" : `:${this.line}`}${this.column === undefined ? "" : `:${this.column}`}: `
    return place + this.reason
  }

  override get message() {
    const { finding, kept } = this
    if (kept === undefined) return finding
    const serves = kept.version === null ? "" : `; version ${kept.version} of ${kept.function} still serves`
    return `${finding}${finding.includes("\n") ? "\n" : "; "}nothing was deployed${serves}`
  }
}

/** FN_006 (400): a field of a request or of a configuration is wrong. Lists every violation, not only the first. */
export class InvalidRequest extends Data.TaggedError("InvalidRequest")<{
  readonly violations: ReadonlyArray<Violation>
}> {
  override get message() {
    return this.violations.map((v) => (v.field === "" ? v.message : `${v.field}: ${v.message}`)).join("; ")
  }
}

/** FN_006 (413): a body is over its limit. */
export class PayloadTooLarge extends Data.TaggedError("PayloadTooLarge")<{
  readonly what: string
  readonly limitBytes: number
  /** The server's option that raises the limit; none where it is fixed. */
  readonly option?: string
  /** Where the limit is fixed: why, and what to do instead. */
  readonly advice?: string
}> {
  override get message() {
    const said = `${this.what} is larger than ${this.limitBytes} bytes`
    if (this.advice !== undefined) return `${said}; ${this.advice}`
    return this.option === undefined ? said : `${said}; the server's option ${this.option} sets this limit`
  }
}

/** FN_006 (404, 405): the HTTP surface has no such route or method. */
export class RouteNotFound extends Data.TaggedError("RouteNotFound")<{
  readonly method: string
  readonly path: string
  /** The methods that the path does take; empty where the path is unknown. */
  readonly allowed: ReadonlyArray<string>
}> {
  override get message() {
    return this.allowed.length > 0
      ? `${this.path} does not take ${this.method}; it takes ${this.allowed.join(", ")}`
      : `nothing lives at ${this.path}; functions are at /functions/NAME, the management API at /api/functions`
  }
}

/** FN_007: a limit is reached; come back after `retryAfterSeconds`. */
export class LimitExceeded extends Data.TaggedError("LimitExceeded")<{
  readonly limit:
    | "queue_length"
    | "queue_time"
    | "connections"
    | "deploys"
    | "version_workers"
    | "unread_answers"
    | "management"
    | "clients"
    | "client_queue"
    | "buffered_bytes"
  readonly value: number
  readonly retryAfterSeconds: number
}> {
  override get message() {
    switch (this.limit) {
      case "queue_length":
        return `${this.value} invocations of this function are already waiting; try again in ${this.retryAfterSeconds} s`
      case "queue_time":
        return `no worker became free within ${this.value} ms; try again in ${this.retryAfterSeconds} s`
      case "deploys":
        return `${this.value} deployments of this function are already waiting; try again in ${this.retryAfterSeconds} s`
      case "version_workers":
        return `this version's workers have not finished what they have within ${this.value} s; try again in ${this.retryAfterSeconds} s`
      case "connections":
        return `this connection already has ${this.value} requests in flight; wait for answers before sending more`
      case "unread_answers":
        return `the answer was dropped: ${this.value} bytes of earlier answers were not read from this connection; read faster, or use more connections`
      case "management":
        return `${this.value} management commands are already waiting; try again in ${this.retryAfterSeconds} s`
      case "client_queue":
        return `${this.value} calls are already waiting in this client; wait for answers before making more`
      case "clients":
        return `${this.value} clients are connected already; try again in ${this.retryAfterSeconds} s`
      case "buffered_bytes":
        return `the bodies of all requests together may take ${this.value} bytes (max_buffered_bytes), and this one does not fit at the moment; try again in ${this.retryAfterSeconds} s`
    }
  }
}

/** FN_008: no worker became ready in time. */
export class ColdStartTimeout extends Data.TaggedError("ColdStartTimeout")<{
  readonly reason: string
  readonly retryAfterSeconds: number
  /** The function's workers crashed, or did not start, too often in a row (R-4). */
  readonly quarantined?: boolean
}> {
  override get message() {
    return `no worker became ready: ${this.reason}`
  }
}

/** FN_008: the server is shutting down and takes no new work. */
export class ServiceStopping extends Data.TaggedError("ServiceStopping")<{
  readonly retryAfterSeconds: number
}> {
  override get message() {
    return "the service is shutting down and takes no new work"
  }
}

/** FN_009 (403): the function was not granted this. */
export class PermissionDenied extends Data.TaggedError("PermissionDenied")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

/** FN_009 (401): no API key, or a wrong one. */
export class Unauthorized extends Data.TaggedError("Unauthorized")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

/** The caller went away (R-10). It reaches nobody; it is a record's outcome. */
export class InvocationCancelled extends Data.TaggedError("InvocationCancelled")<{
  readonly phase: "queue" | "run"
}> {
  override get message() {
    return "the caller went away"
  }
}

/** How an invocation can end other than by an answer. */
export type InvocationError =
  | FunctionNotFound
  | ExecutionTimeout
  | MemoryLimitExceeded
  | HandlerFailed
  | WorkerCrashed
  | ResponseTooLarge
  | DeploymentFailed
  | InvalidRequest
  | PayloadTooLarge
  | LimitExceeded
  | ColdStartTimeout
  | ServiceStopping
  | PermissionDenied
  | InvocationCancelled

/** How a management operation can fail. */
export type ManagementError =
  | FunctionNotFound
  | VersionNotFound
  | DeploymentFailed
  | InvalidRequest
  | PayloadTooLarge
  | LimitExceeded
  | StorageFailed
  | ServiceStopping

/** Everything that leaves the service as an error. */
export type ServiceError = InvocationError | ManagementError | RouteNotFound | Unauthorized | InternalFault
