import { describe, expect, it } from "vitest"
import { targetOf } from "../../tests/support/ScheduledService.ts"
import { problemOf } from "../protocol/Problem.ts"
import { ERROR_CODES } from "../protocol/worker/Wire.ts"
import { fromFault, fromWorkerError, headlineOf } from "./invocationError.ts"

const target = targetOf({ limits: { memory_mb: 64 } })
const tell = (code: string, exposeErrors = false) => {
  const error = fromWorkerError(
    { code, message: "my words", stack: "at my place" },
    { ...target, exposeErrors },
    1_000
  )
  const { code: fnCode, detail, status } = problemOf(error)
  return { tag: error._tag, fnCode, status, detail }
}

describe("what a worker's error becomes", () => {
  it("is the catalogue's, for every code of the protocol", () => {
    const told = ERROR_CODES.map((code) => [code, tell(code).tag, tell(code).fnCode, tell(code).status])
    expect(told).toEqual([
      ["HANDLER_ERROR", "HandlerFailed", "FN_004", 500],
      ["INVALID_RESPONSE", "HandlerFailed", "FN_004", 500],
      ["RESPONSE_TOO_LARGE", "ResponseTooLarge", "FN_004", 502],
      ["BUNDLE_LOAD_ERROR", "DeploymentFailed", "FN_005", 422],
      ["NO_HANDLER", "DeploymentFailed", "FN_005", 422],
      ["PERMISSION_DENIED", "PermissionDenied", "FN_009", 403],
      ["OUT_OF_MEMORY", "MemoryLimitExceeded", "FN_003", 500],
      ["CANCELLED", "InvocationCancelled", "FN_002", 499]
    ])
  })

  it("is the handler's own error for a code of a later version", () => {
    for (const code of ["", "LATER", "toString", "__proto__"]) expect(tell(code).tag).toBe("HandlerFailed")
  })

  it("tells the handler's words only where the function exposes them, and never its stack", () => {
    expect(tell("HANDLER_ERROR").detail).not.toContain("my words")
    expect(tell("HANDLER_ERROR", true).detail).toContain("my words")
    for (const code of ERROR_CODES) expect(tell(code, true).detail).not.toContain("my place")
  })

  it("names the limit that was exceeded", () => {
    expect(tell("OUT_OF_MEMORY").detail).toContain("64 MiB")
    expect(tell("RESPONSE_TOO_LARGE").detail).toContain("max_response_bytes (1000)")
  })

  it("is FN_004 502 where the worker was lost, in words", () => {
    const error = fromFault({ kind: "signal", reason: "was ended by SIGSEGV" }, target)
    expect(problemOf(error)).toMatchObject({ code: "FN_004", status: 502, retryable: true })
    expect(error.message).toContain("it was ended by SIGSEGV")
  })

  it("is FN_003 where the worker was ended at its memory limit", () => {
    const error = fromFault({ kind: "memory", reason: "was ended by SIGKILL" }, target)
    expect(problemOf(error)).toMatchObject({ code: "FN_003", status: 500 })
    expect(error.message).toContain("64 MiB")
  })

  it("names what the worker had, and what ended it, where that was measured", () => {
    const told = (by: "cgroup" | "sampling") =>
      problemOf(
        fromFault(
          { kind: "memory", reason: "was ended by SIGKILL", memory: { by, usedMb: 66.2, peakMb: 70 } },
          target
        ),
        "call"
      )
    expect(told("sampling")).toMatchObject({ cause: "memory", limit_mb: 64, used_mb: 66.2, peak_mb: 70 })
    expect(told("sampling").detail).toBe(
      "the function used more than its 64 MiB of memory (memory_mb): 66.2 MiB when it was ended by sampling, 70 MiB at the most; its worker was replaced"
    )
    expect(told("cgroup").detail).toContain("66.2 MiB when it was ended by its control group")
  })
})

describe("a worker's error in the log", () => {
  const headline = (message: string, stack?: string) =>
    headlineOf({ code: "HANDLER_ERROR", message, ...(stack === undefined ? {} : { stack }) })

  it("begins with its class, where its stack says which", () => {
    expect(headline("no", "TypeError: no\n    at f (fn.ts:1:2)")).toBe("TypeError: no")
    expect(headline("a\nb", "HttpError: a\nb\n    at f")).toBe("HttpError: a\nb")
  })

  it("is its message alone otherwise", () => {
    expect(headline("no")).toBe("no")
    expect(headline("no", "no\n    at f")).toBe("no")
    expect(headline("no", "    at no (fn.ts:1:2)")).toBe("no")
    expect(headline("no", "Some other words: no")).toBe("no")
    expect(headline("f", "TypeError: x\n    at f")).toBe("f")
    expect(headline("RangeError", "RangeError\n    at f")).toBe("RangeError")
    expect(headline("", "Error\n    at f")).toBe("")
  })
})
