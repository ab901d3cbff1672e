import type { Violation } from "../domain/Errors.ts"
import type { FnCode } from "../protocol/ErrorTable.ts"
import type { Problem } from "../protocol/Problem.ts"

/**
 * The service, or the function that it ran, said no: one of the catalogue FN_001–FN_009. The same class whatever way the
 * request took.
 */
export class FunctionsError extends Error {
  override readonly name = "FunctionsError"
  /** `FN_001` … `FN_009`. */
  readonly code: FnCode
  /** What it is (or would be) over HTTP. */
  readonly status: number
  readonly title: string
  /** What happened and what to do; also `message`. */
  readonly detail: string
  /** Trying again later may help. Whether the function may have run already is for the caller to weigh. */
  readonly retryable: boolean
  /** How long to wait before that, where the service knows. */
  readonly retryAfterSeconds: number | null
  /** The invocation that failed; null for management operations. */
  readonly invocationId: string | null
  /** FN_006: every field that is wrong. */
  readonly violations: ReadonlyArray<Violation>
  /** FN_005: where in the code; 1-based line and column. */
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null

  constructor(problem: Problem, invocationId?: string) {
    super(problem.detail)
    this.code = problem.code
    this.status = problem.status
    this.title = problem.title
    this.detail = problem.detail
    this.retryable = problem.retryable
    this.retryAfterSeconds = problem.retry_after_seconds ?? null
    this.invocationId = problem.invocation_id ?? invocationId ?? null
    this.violations = problem.violations ?? []
    this.file = problem.file ?? null
    this.line = problem.line ?? null
    this.column = problem.column ?? null
  }
}

/** No server could be reached, or the connection to it broke. The message says what to do. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError"
  /** Where the server was expected: a socket's path or a URL. */
  readonly address: string
  /**
   * - `not_sent`: the request never left; sending it again is safe.
   * - `unknown`: it was sent, or a part of it; the server may have carried it out.
   */
  readonly delivery: "not_sent" | "unknown"

  constructor(message: string, address: string, delivery: "not_sent" | "unknown", cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.address = address
    this.delivery = delivery
  }
}

/** Something answered that does not speak this protocol, or not this version of it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError"
  readonly address: string

  constructor(message: string, address: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.address = address
  }
}
