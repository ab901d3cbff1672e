import { Schema } from "effect"
import type { InvocationError } from "./Errors.ts"

/**
 * Which limit or fault ended an invocation: in its error (`cause`), its record (`ended_by`) and the counts of its function.
 * One word for each, so that nobody has to read a message to tell a missed deadline from a full queue.
 */
export const END_CAUSES = [
  /** Its deadline: `timeout_seconds`, or the caller's own. */
  "wall_time",
  /** `max_queue_wait_seconds`. */
  "queue_time",
  /** `max_queue_length`. */
  "queue_length",
  /** The worker's `memory_mb`. */
  "memory",
  /** The worker's process ended by itself. */
  "exit",
  /** The worker's process was ended by a signal. */
  "signal",
  /** The worker broke the protocol, and was ended for it. */
  "protocol",
  /** The handler threw. */
  "handler",
  /** The handler answered something that is no Response. */
  "invalid_response",
  /** `max_response_bytes`, or a frame of the socket. */
  "response_size",
  /** `max_request_bytes` and its like. */
  "request_size",
  /** The function was not granted what it did. */
  "capability",
  /** No worker could be started. */
  "start",
  /** The function's workers crashed, or did not start, too often in a row. */
  "quarantine",
  /** The service stopped. */
  "shutdown",
  /** The caller went away. */
  "caller_gone",
  /** Another of the service's own bounds, or a request that cannot be served. */
  "refused"
] as const
export type EndCause = (typeof END_CAUSES)[number]

/** What is known beyond the cause: fields of the error and of the record. Milliseconds, MiB. */
export const EndDetails = Schema.Struct({
  /** `exit`: of the worker's process. */
  exit_code: Schema.optional(Schema.Int),
  /** `signal`: that ended the worker's process. */
  signal: Schema.optional(Schema.String),
  /** The limit of `wall_time` and `queue_time`. */
  limit_ms: Schema.optional(Schema.Number),
  /** The limit of `memory`. */
  limit_mb: Schema.optional(Schema.Number),
  /** What the worker had when it was ended, and the most that was seen; where that is measured from outside. */
  used_mb: Schema.optional(Schema.Number),
  peak_mb: Schema.optional(Schema.Number),
  /** Where the time went when it ran out. */
  phase: Schema.optional(Schema.Literal("queue", "run"))
})
export type EndDetails = typeof EndDetails.Type

export interface Ending extends EndDetails {
  readonly cause: EndCause
}

/** What ended an invocation that failed. */
export const endingOf = (error: InvocationError): Ending => {
  switch (error._tag) {
    case "ExecutionTimeout":
      return { cause: "wall_time", limit_ms: error.timeoutMs, phase: error.phase }
    case "MemoryLimitExceeded":
      return {
        cause: "memory",
        limit_mb: error.limitMb,
        ...(error.measured === undefined
          ? {}
          : { used_mb: error.measured.usedMb, peak_mb: error.measured.peakMb })
      }
    case "WorkerCrashed":
      return {
        cause: error.cause,
        ...(error.exitCode === undefined ? {} : { exit_code: error.exitCode }),
        ...(error.signal === undefined ? {} : { signal: error.signal })
      }
    case "HandlerFailed":
      return { cause: error.kind === "threw" ? "handler" : "invalid_response" }
    case "ResponseTooLarge":
      return { cause: "response_size" }
    case "PayloadTooLarge":
      return { cause: "request_size" }
    case "PermissionDenied":
      return { cause: "capability" }
    case "DeploymentFailed":
      return { cause: "start" }
    case "ColdStartTimeout":
      return { cause: error.quarantined === true ? "quarantine" : "start" }
    case "ServiceStopping":
      return { cause: "shutdown" }
    case "InvocationCancelled":
      return { cause: "caller_gone", phase: error.phase }
    case "LimitExceeded":
      if (error.limit === "queue_time") return { cause: "queue_time", limit_ms: error.value }
      return { cause: error.limit === "queue_length" ? "queue_length" : "refused" }
    case "FunctionNotFound":
    case "InvalidRequest":
      return { cause: "refused" }
  }
}
