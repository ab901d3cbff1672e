import { CaseFailure } from "../model/Case.ts"
import { difference, type Captured, type Matcher } from "../worker/matchers/match.ts"
import type { HttpResponse } from "./client/HttpResponse.ts"

/** Fails where `observed` is not what the matcher says. */
export const check = (
  what: string,
  expected: Matcher,
  observed: unknown,
  captured: Captured = new Map(),
  requirements?: ReadonlyArray<string>
): void => {
  const found = difference(expected, observed, "", captured)
  if (found === null) return
  throw new CaseFailure(found.path === "it" ? what : `${what}: ${found.path}`, {
    expected: found.expected,
    observed: found.observed ?? "(nothing)",
    ...(requirements === undefined ? {} : { requirements })
  })
}

/** Fails where it does not hold. */
export const holds = (what: string, condition: boolean, observed?: unknown): void => {
  if (!condition) throw new CaseFailure(what, { observed })
}

/** The document of a failure over HTTP, checked for everything that all of them have. */
export const problemOf = (response: HttpResponse): Readonly<Record<string, unknown>> => {
  const observed = `${response.status} ${response.header("content-type")} ${response.text().slice(0, 500)}`
  const fault = (words: string, requirement: string) =>
    new CaseFailure(words, { observed, requirements: [requirement] })
  if (response.header("content-type")?.split(";")[0] !== "application/problem+json") {
    throw fault("a failure is no application/problem+json", "ER-001")
  }
  const document = response.json()
  if (typeof document !== "object" || document === null) throw fault("a failure is no JSON object", "ER-001")
  const problem = document as Record<string, unknown>
  const { code, detail, retryable, status, title, type } = problem
  const isWhole =
    [type, title, detail, code].every((value) => typeof value === "string") &&
    typeof status === "number" &&
    typeof retryable === "boolean"
  if (!isWhole) throw fault("a problem lacks a member", "ER-002")
  if (type !== `urn:bunbase:problem:${String(code)}`) throw fault("a problem has another type", "ER-003")
  if (status !== response.status) throw fault("a problem's status is not that of the answer", "ER-004")
  if (!/^FN_00[1-9]$/.test(String(code))) throw fault("a problem has a code that there is not", "ER-005")
  if (response.header("x-function-error") !== code) throw fault("X-Function-Error is not the code", "ER-006")
  if (detail === "") throw fault("a problem's detail is empty", "ER-008")
  if (response.header("cache-control") !== "no-store") throw fault("a problem may be cached", "ER-009")
  if ((code === "FN_007" || code === "FN_008") && !/^[1-9]\d*$/.test(response.header("retry-after") ?? "")) {
    throw fault("a failure that passes has no Retry-After", "ER-010")
  }
  if ((code === "FN_007" || code === "FN_008") && typeof problem["retry_after_seconds"] !== "number") {
    throw fault("a failure that passes has no retry_after_seconds", "ER-011")
  }
  return problem
}

/** A failure over HTTP of this status and code. */
export const refused = (
  what: string,
  response: HttpResponse,
  status: number,
  code: string
): Readonly<Record<string, unknown>> => {
  check(
    what,
    { status, code },
    { status: response.status, code: response.header("x-function-error") ?? null }
  )
  return problemOf(response)
}
