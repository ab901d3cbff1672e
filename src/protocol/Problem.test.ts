import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Errors from "../domain/Errors.ts"
import { describe as describeError } from "./ErrorTable.ts"
import { Problem, problemOf } from "./Problem.ts"

const text = fc.string()
const seconds = fc.integer({ min: 1, max: 60 })
const place = fc.option(fc.nat(), { nil: undefined })

const anyError: fc.Arbitrary<Errors.ServiceError> = fc.oneof(
  fc
    .tuple(text, fc.constantFrom("unknown" as const, "not_deployed" as const))
    .map(([name, reason]) => new Errors.FunctionNotFound({ function: name, reason })),
  fc.tuple(text, text).map(([name, version]) => new Errors.VersionNotFound({ function: name, version })),
  fc
    .tuple(fc.nat(), fc.constantFrom("queue" as const, "run" as const))
    .map(([timeoutMs, phase]) => new Errors.ExecutionTimeout({ timeoutMs, phase })),
  fc.nat().map((limitMb) => new Errors.MemoryLimitExceeded({ limitMb })),
  fc.tuple(fc.constantFrom("threw" as const, "invalid_response" as const), text, fc.boolean()).map(
    ([kind, handlerMessage, exposed]) =>
      new Errors.HandlerFailed({
        kind,
        handlerMessage,
        exposed,
        handlerStack: `Error: x\n    at f (${STACK_MARK})`
      })
  ),
  text.map((reason) => new Errors.WorkerCrashed({ cause: "exit", reason })),
  text.map((reason) => new Errors.StorageFailed({ operation: "write", reason })),
  fc.tuple(text, fc.option(text, { nil: undefined }), place, place).map(
    ([reason, file, line, column]) =>
      new Errors.DeploymentFailed({
        stage: "syntax",
        reason,
        line,
        column,
        ...(file === undefined ? {} : { file })
      })
  ),
  fc
    .array(fc.record({ field: text, value: fc.jsonValue({ maxDepth: 1 }), message: text }), { maxLength: 3 })
    .map((violations) => new Errors.InvalidRequest({ violations })),
  fc.nat().map((limitBytes) => new Errors.PayloadTooLarge({ what: "the request body", limitBytes })),
  fc
    .tuple(text, fc.array(text, { maxLength: 2 }))
    .map(([path, allowed]) => new Errors.RouteNotFound({ method: "PUT", path, allowed })),
  fc
    .tuple(fc.constantFrom("queue_length" as const, "queue_time" as const, "connections" as const), seconds)
    .map(([limit, retryAfterSeconds]) => new Errors.LimitExceeded({ limit, value: 7, retryAfterSeconds })),
  fc
    .tuple(text, seconds)
    .map(([reason, retryAfterSeconds]) => new Errors.ColdStartTimeout({ reason, retryAfterSeconds })),
  seconds.map((retryAfterSeconds) => new Errors.ServiceStopping({ retryAfterSeconds })),
  text.map((reason) => new Errors.PermissionDenied({ reason })),
  text.map((reason) => new Errors.Unauthorized({ reason })),
  fc.constantFrom("queue" as const, "run" as const).map((phase) => new Errors.InvocationCancelled({ phase }))
)
const STACK_MARK = "secret-place.ts:1:1"

describe("problemOf", () => {
  it("is always a problem by its Schema, with the table's words, and survives JSON", () => {
    fc.assert(
      fc.property(anyError, fc.option(text, { nil: undefined }), (error, invocationId) => {
        const problem = problemOf(error, invocationId)
        const { code, httpStatus, retryable, title } = describeError(error)
        expect(problem).toMatchObject({
          type: `urn:bunbase:problem:${code}`,
          title,
          status: httpStatus,
          detail: error.message,
          code,
          retryable
        })
        expect(problem.invocation_id).toBe(invocationId)
        expect(problem.retry_after_seconds).toBe(
          "retryAfterSeconds" in error ? error.retryAfterSeconds : undefined
        )
        const sent: unknown = JSON.parse(JSON.stringify(problem))
        expect(Schema.decodeUnknownSync(Problem)(sent)).toEqual(sent)
      }),
      { numRuns: 300 }
    )
  })

  it("never shows a stack: not ours, not the handler's", () => {
    fc.assert(
      fc.property(anyError, (error) => {
        const shown = JSON.stringify(problemOf(error, "id"))
        expect(shown).not.toContain(STACK_MARK)
        expect(shown).not.toContain(import.meta.filename)
        expect(Object.keys(problemOf(error))).not.toContain("stack")
        expect(shown).not.toMatch(/\\n +at /)
      })
    )
  })

  it("shows a handler's own words only where the function exposes them", () => {
    const failed = (exposed: boolean, kind: "threw" | "invalid_response" = "threw") =>
      problemOf(new Errors.HandlerFailed({ kind, handlerMessage: "my words", handlerStack: "at x", exposed }))
        .detail
    expect(failed(false)).toBe("the function threw an error; its message and stack are in the function's log")
    expect(failed(true)).toBe("the function threw an error: my words")
    expect(failed(false, "invalid_response")).not.toContain("my words")
  })

  it("names every violation, and the place in the code", () => {
    const violations = [
      { field: "name", value: "A", message: "use lower-case letters" },
      { field: "", message: "no" }
    ]
    expect(problemOf(new Errors.InvalidRequest({ violations }))).toMatchObject({
      detail: "name: use lower-case letters; no",
      violations
    })
    const failed = new Errors.DeploymentFailed({
      stage: "syntax",
      reason: "unexpected }",
      file: "a.ts",
      line: 3,
      column: 7
    })
    expect(problemOf(failed)).toMatchObject({
      detail: "a.ts:3:7: unexpected }",
      file: "a.ts",
      line: 3,
      column: 7
    })
    // Where our own error was made is nobody's place.
    const without = problemOf(new Errors.DeploymentFailed({ stage: "start", reason: "it hangs" }))
    expect(["file", "line", "column"].filter((key) => key in without)).toEqual([])
    expect(without.detail).toBe("it hangs")
  })
})
