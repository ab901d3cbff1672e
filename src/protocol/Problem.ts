import { Schema } from "effect"
import { END_CAUSES, EndDetails, endingOf } from "../domain/EndCause.ts"
import type { InvocationError, ServiceError } from "../domain/Errors.ts"
import { describe, FN_CODES } from "./ErrorTable.ts"

/**
 * What a failure looks like outside: an `application/problem+json` body (RFC 9457) over HTTP, the same fields in an
 * error payload over the socket.
 */
export const Problem = Schema.Struct({
  /** A URN that names the kind of problem, e.g. `urn:bunbase:problem:FN_001`. */
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  /** What happened and what to do. */
  detail: Schema.String,
  code: Schema.Literal(...FN_CODES),
  invocation_id: Schema.optional(Schema.String),
  retryable: Schema.Boolean,
  /** Seconds to wait before trying again, where that is known. */
  retry_after_seconds: Schema.optional(Schema.Number),
  /** Of an invocation: which limit or fault ended it. */
  cause: Schema.optional(Schema.Literal(...END_CAUSES)),
  ...EndDetails.fields,
  /** FN_006: every field that is wrong. */
  violations: Schema.optional(
    Schema.Array(
      Schema.Struct({ field: Schema.String, value: Schema.optional(Schema.Unknown), message: Schema.String })
    )
  ),
  /** FN_005: where in the code. */
  file: Schema.optional(Schema.String),
  line: Schema.optional(Schema.Number),
  column: Schema.optional(Schema.Number)
})
export type Problem = typeof Problem.Type

const isInvocationError = (error: ServiceError): error is InvocationError =>
  error._tag !== "VersionNotFound" &&
  error._tag !== "StorageFailed" &&
  error._tag !== "RouteNotFound" &&
  error._tag !== "Unauthorized" &&
  error._tag !== "InternalFault"

/** Builds the outside view of an error. Never contains a stack. */
export const problemOf = (error: ServiceError, invocationId?: string): Problem => {
  const { code, httpStatus, retryable, title } = describe(error)
  return {
    type: `urn:bunbase:problem:${code}`,
    title,
    status: httpStatus,
    detail: error.message,
    code,
    ...(invocationId === undefined ? {} : { invocation_id: invocationId }),
    retryable,
    ...(isInvocationError(error) && invocationId !== undefined ? endingOf(error) : {}),
    ...("retryAfterSeconds" in error ? { retry_after_seconds: error.retryAfterSeconds } : {}),
    ...(error._tag === "InvalidRequest" ? { violations: error.violations.map((v) => ({ ...v })) } : {}),
    ...(error._tag === "DeploymentFailed" && error.file !== undefined ? { file: error.file } : {}),
    ...(error._tag === "DeploymentFailed" && error.line !== undefined ? { line: error.line } : {}),
    ...(error._tag === "DeploymentFailed" && error.column !== undefined ? { column: error.column } : {})
  }
}
