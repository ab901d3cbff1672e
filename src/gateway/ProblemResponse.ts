import type { ServiceError } from "../domain/Errors.ts"
import { problemOf } from "../protocol/Problem.ts"

/** An error as HTTP says it, before it becomes a `Response`. Header names are lower case. */
export interface ProblemMessage {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const PROBLEM_TYPE = "application/problem+json"

/**
 * The one way an error leaves over HTTP: `application/problem+json` (RFC 9457) with `X-Function-Error`, never cached, with
 * `Retry-After` (whole seconds) where a time is known and `Allow` where the method was wrong.
 */
export const problemMessage = (error: ServiceError, invocationId?: string): ProblemMessage => {
  const extra: Record<string, string> = {}
  if (error._tag === "RouteNotFound" && error.allowed.length > 0) extra["allow"] = error.allowed.join(", ")
  if (error._tag === "Unauthorized") extra["www-authenticate"] = 'Bearer realm="bunbase"'
  const problem = problemOf(error, invocationId)
  const headers: Record<string, string> = {
    "content-type": PROBLEM_TYPE,
    "x-function-error": problem.code,
    "cache-control": "no-store",
    ...extra
  }
  if (problem.invocation_id !== undefined) headers["x-invocation-id"] = problem.invocation_id
  if (problem.retry_after_seconds !== undefined)
    headers["retry-after"] = String(Math.ceil(problem.retry_after_seconds))
  return { status: problem.status, headers, body: JSON.stringify(problem) }
}

/** The message as an answer. `closing`: the connection is given up after it. */
export const responseFrom = ({ body, headers, status }: ProblemMessage, closing = false): Response =>
  new Response(body, { status, headers: closing ? { ...headers, connection: "close" } : headers })

/** The answer to a request that failed with `error`. */
export const problemResponse = (error: ServiceError, invocationId?: string): Response =>
  responseFrom(problemMessage(error, invocationId))
