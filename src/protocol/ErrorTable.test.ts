import { describe, expect, it } from "vitest"
import * as Errors from "../domain/Errors.ts"
import { describe as describeError, FN_CODES, SocketStatus } from "./ErrorTable.ts"

/** One of every kind of error that can leave the service; a new kind does not compile without one. */
const samples: {
  readonly [Tag in Errors.ServiceError["_tag"]]: Extract<Errors.ServiceError, { readonly _tag: Tag }>
} = {
  FunctionNotFound: new Errors.FunctionNotFound({ function: "f", reason: "unknown" }),
  VersionNotFound: new Errors.VersionNotFound({ function: "f", version: "v1" }),
  ExecutionTimeout: new Errors.ExecutionTimeout({ timeoutMs: 1, phase: "run" }),
  MemoryLimitExceeded: new Errors.MemoryLimitExceeded({ limitMb: 1 }),
  HandlerFailed: new Errors.HandlerFailed({ kind: "threw", handlerMessage: "m", exposed: false }),
  WorkerCrashed: new Errors.WorkerCrashed({ cause: "exit", reason: "r" }),
  ResponseTooLarge: new Errors.ResponseTooLarge({ limit: "max_response_bytes", bytes: 1 }),
  StorageFailed: new Errors.StorageFailed({ operation: "o", reason: "r" }),
  InternalFault: new Errors.InternalFault(),
  DeploymentFailed: new Errors.DeploymentFailed({ stage: "bundle", reason: "r" }),
  InvalidRequest: new Errors.InvalidRequest({ violations: [] }),
  PayloadTooLarge: new Errors.PayloadTooLarge({ what: "w", limitBytes: 1 }),
  RouteNotFound: new Errors.RouteNotFound({ method: "GET", path: "/", allowed: [] }),
  LimitExceeded: new Errors.LimitExceeded({ limit: "queue_length", value: 1, retryAfterSeconds: 1 }),
  ColdStartTimeout: new Errors.ColdStartTimeout({ reason: "r", retryAfterSeconds: 1 }),
  ServiceStopping: new Errors.ServiceStopping({ retryAfterSeconds: 1 }),
  PermissionDenied: new Errors.PermissionDenied({ reason: "r" }),
  Unauthorized: new Errors.Unauthorized({ reason: "r" }),
  InvocationCancelled: new Errors.InvocationCancelled({ phase: "run" })
}

/** The catalogue, written down a second time: error, code, HTTP status, whether trying again may help. */
const catalogue: ReadonlyArray<readonly [Errors.ServiceError["_tag"], string, number, boolean]> = [
  ["FunctionNotFound", "FN_001", 404, false],
  ["VersionNotFound", "FN_001", 404, false],
  ["ExecutionTimeout", "FN_002", 504, true],
  ["MemoryLimitExceeded", "FN_003", 500, false],
  ["HandlerFailed", "FN_004", 500, false],
  ["WorkerCrashed", "FN_004", 502, true],
  ["ResponseTooLarge", "FN_004", 502, false],
  ["StorageFailed", "FN_004", 500, true],
  ["InternalFault", "FN_004", 500, true],
  ["DeploymentFailed", "FN_005", 422, false],
  ["InvalidRequest", "FN_006", 400, false],
  ["PayloadTooLarge", "FN_006", 413, false],
  ["RouteNotFound", "FN_006", 404, false],
  ["LimitExceeded", "FN_007", 429, true],
  ["ColdStartTimeout", "FN_008", 503, true],
  ["ServiceStopping", "FN_008", 503, true],
  ["PermissionDenied", "FN_009", 403, false],
  ["Unauthorized", "FN_009", 401, false],
  ["InvocationCancelled", "FN_002", 499, true]
]

describe("the catalogue of errors", () => {
  it("has a row for every error, with the code and the statuses that the product fixes", () => {
    const rows = Object.values(samples).map((error) => {
      const { code, httpStatus, retryable } = describeError(error)
      return [error._tag, code, httpStatus, retryable]
    })
    expect(rows).toEqual(catalogue)
  })

  it("uses every code", () => {
    const used = new Set(Object.values(samples).map((error) => describeError(error).code))
    expect([...used].sort()).toEqual([...FN_CODES])
  })

  it("is NOT_FOUND on the socket for FN_001 alone, else ERROR", () => {
    for (const error of Object.values(samples)) {
      const { code, socketStatus } = describeError(error)
      expect([code, socketStatus]).toEqual([
        code,
        code === "FN_001" ? SocketStatus.NOT_FOUND : SocketStatus.ERROR
      ])
    }
    expect(SocketStatus).toEqual({ OK: 0, ERROR: 1, NOT_FOUND: 2 })
  })

  it("tells a path that exists but not by this method from one that does not exist", () => {
    const error = new Errors.RouteNotFound({ method: "PUT", path: "/health", allowed: ["GET"] })
    expect(describeError(error)).toMatchObject({
      code: "FN_006",
      httpStatus: 405,
      title: "Method not allowed"
    })
  })

  it("says when to come back for whatever passes by itself", () => {
    const limited = Object.values(samples).filter((error) =>
      ["FN_007", "FN_008"].includes(describeError(error).code)
    )
    expect(limited.map((error) => "retryAfterSeconds" in error)).toEqual([true, true, true])
  })
})
