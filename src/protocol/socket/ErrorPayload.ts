import { Option, Schema } from "effect"
import type { ServiceError } from "../../domain/Errors.ts"
import { describe, type FnCode, SocketStatus } from "../ErrorTable.ts"
import { type Problem, problemOf } from "../Problem.ts"
import { ErrorPayload } from "./Payloads.ts"

/**
 * What an answer with an error status bears: the text and the code as strings, and the whole problem as JSON text. Clients
 * exist that read it into a map of strings and would show nothing of it if one value were anything else.
 */
export const encodeError = (error: ServiceError, executionId?: string): string => {
  const problem = problemOf(error, executionId)
  return JSON.stringify({
    error: problem.detail,
    code: problem.code,
    ...(executionId === undefined ? {} : { execution_id: executionId }),
    problem: JSON.stringify(problem)
  })
}

/** The status byte of an error: NOT_FOUND for FN_001, else ERROR. */
export const statusOf = (error: ServiceError): SocketStatus => describe(error).socketStatus

const decode = Schema.decodeUnknownOption(Schema.parseJson(ErrorPayload))

/** Reads an error's payload. Null where it is none. A server that sends only text and code is understood as well. */
export const decodeError = (payload: string): Problem | null => {
  const decoded = Option.getOrNull(decode(payload))
  if (decoded === null) return null
  if (decoded.problem !== undefined) return decoded.problem
  return {
    type: `urn:bunbase:problem:${decoded.code}`,
    title: decoded.error,
    status: usualStatus[decoded.code],
    detail: decoded.error,
    code: decoded.code,
    ...(decoded.execution_id === undefined ? {} : { invocation_id: decoded.execution_id }),
    retryable: decoded.code === "FN_007" || decoded.code === "FN_008"
  }
}

const usualStatus: { readonly [Code in FnCode]: number } = {
  FN_001: 404,
  FN_002: 504,
  FN_003: 500,
  FN_004: 500,
  FN_005: 422,
  FN_006: 400,
  FN_007: 429,
  FN_008: 503,
  FN_009: 403
}
