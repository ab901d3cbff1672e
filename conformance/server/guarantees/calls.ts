import { CaseFailure } from "../../model/Case.ts"
import { difference } from "../../worker/matchers/match.ts"
import type { Fn } from "../Door.ts"

/** What became of an invocation, by whichever door. */
export interface Outcome {
  readonly status: number
  readonly code: string | null
  readonly text: string
  readonly retryable: unknown
  readonly detail: string
  readonly retryAfter: string | null
  /** The id of the invocation, where the door says it. */
  readonly invocation: string
}

/** What is begun and awaited later: that it fails first is no error of the suite's own. */
export const later = <A>(promise: Promise<A>): Promise<A> => {
  promise.catch(() => {})
  return promise
}

/** Calls a path of a function over HTTP where there is HTTP, else by the socket. */
export const call = (fn: Fn, path = "/", deadlineMs?: number): Promise<Outcome> =>
  later(callNow(fn, path, deadlineMs))

const callNow = async (fn: Fn, path: string, deadlineMs: number | undefined): Promise<Outcome> => {
  if (fn.door.address.url === null || deadlineMs !== undefined) return await bySocket(fn, path, deadlineMs)
  const response = await fn.http(path)
  const code = response.header("x-function-error") ?? null
  const problem = code === null ? {} : (response.json() as Record<string, unknown> | undefined)
  return {
    status: response.status,
    code,
    text: response.text(),
    retryable: problem?.["retryable"],
    detail: String(problem?.["detail"] ?? ""),
    retryAfter: response.header("retry-after") ?? null,
    invocation: response.header("x-invocation-id") ?? ""
  }
}

const bySocket = async (fn: Fn, path: string, deadlineMs?: number): Promise<Outcome> => {
  const { payload, problem } = await fn.invoke({
    url: path,
    ...(deadlineMs === undefined ? {} : { deadline_ms: deadlineMs })
  })
  return outcomeOf(payload, problem)
}

/** An answer of the socket to an INVOKE, as an outcome. */
export const outcomeOf = (
  payload: Readonly<Record<string, unknown>>,
  problem: Readonly<Record<string, unknown>> | null
): Outcome => {
  const failed = problem ?? (payload["success"] === true ? null : payload)
  const seconds = failed?.["retry_after_seconds"]
  return {
    status: Number((failed ?? payload)["status"] ?? 0),
    code: failed === null ? null : String(failed["code"] ?? payload["code"]),
    text: Buffer.from(String(payload["body"] ?? ""), "base64").toString(),
    retryable: failed?.["retryable"],
    detail: String(failed?.["detail"] ?? ""),
    retryAfter: seconds === undefined ? null : String(seconds),
    invocation: String(failed?.["invocation_id"] ?? payload["execution_id"] ?? "")
  }
}

/** What the fixture says of its worker. */
export interface Who {
  /** The worker's own mark. */
  readonly worker: string
  /** How many invocations it has had, this one included. */
  readonly count: number
  /** On bun. */
  readonly pid: number | null
}

/** A call that has to succeed: which worker had it. */
export const who = (fn: Fn, path = "/do/who"): Promise<Who> => later(ask(fn, path))

const ask = async (fn: Fn, path: string): Promise<Who> => {
  const outcome = await call(fn, path)
  expectOutcome(`a call of ${path}`, outcome, { status: 200 })
  return JSON.parse(outcome.text) as Who
}

/** Fails where an outcome is not this one. */
export const expectOutcome = (
  what: string,
  outcome: Outcome,
  expected: { readonly status?: number; readonly code?: string | null; readonly retryable?: boolean },
  requirement?: string
): void => {
  const { code, detail, retryable, status, text } = outcome
  if (difference(expected, { status, code, retryable }, "", new Map()) === null) return
  throw new CaseFailure(`${what} has another outcome`, {
    expected,
    observed: { status, code, retryable, detail, text: text.slice(0, 300) },
    ...(requirement === undefined ? {} : { requirements: [requirement] })
  })
}

/** So many calls at once. */
export const many = <A>(count: number, one: (n: number) => Promise<A>): Promise<ReadonlyArray<A>> =>
  later(Promise.all(Array.from({ length: count }, (_, n) => later(one(n)))))
