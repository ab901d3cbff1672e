import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import {
  FunctionNotFound,
  InvalidRequest,
  LimitExceeded,
  ServiceStopping,
  VersionNotFound
} from "../../domain/Errors.ts"
import { frameFixtures, payloadOf } from "../../../tests/support/FrameFixtures.ts"
import { SocketStatus } from "../ErrorTable.ts"
import { problemOf } from "../Problem.ts"
import { decodeError, encodeError, statusOf } from "./ErrorPayload.ts"

const errors = [
  new FunctionNotFound({ function: "a", reason: "unknown" }),
  new VersionNotFound({ function: "a", version: "v1" }),
  new LimitExceeded({ limit: "connections", value: 1024, retryAfterSeconds: 1 }),
  new InvalidRequest({ violations: [{ field: "name", value: 7, message: "use a string" }] }),
  new ServiceStopping({ retryAfterSeconds: 5 })
]

describe("encodeError", () => {
  it("holds nothing but strings, so that it can be read into a map of them", () => {
    const mapOfStrings = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.String }))
    for (const error of errors) {
      const map = Schema.decodeUnknownSync(mapOfStrings)(encodeError(error, "some-id"))
      expect(map["error"]).toBe(error.message)
      expect(map["execution_id"]).toBe("some-id")
    }
  })

  it("carries the whole problem", () => {
    for (const error of errors) {
      expect(decodeError(encodeError(error))).toEqual(problemOf(error))
      expect(decodeError(encodeError(error, "x"))).toEqual(problemOf(error, "x"))
    }
  })
})

describe("decodeError", () => {
  it("reads the committed answers", () => {
    const read = frameFixtures("valid")
      .filter(({ expected }) =>
        expected.frames.some(({ status }) => status === "ERROR" || status === "NOT_FOUND")
      )
      .map(({ expected, name }) => {
        const problem = decodeError(new TextDecoder().decode(payloadOf(expected.frames[0]!)))
        return [name, problem?.code, problem?.status]
      })
    expect(read).toEqual([
      ["answer-error", "FN_008", 503],
      ["answer-not-found", "FN_001", 404]
    ])
  })

  it.each([
    "",
    "null",
    "{}",
    '{"error":"x"}',
    '{"error":"x","code":"FN_999"}',
    '{"error":"x","code":"FN_001","problem":"{}"}'
  ])("gives null for %j", (payload) => {
    expect(decodeError(payload)).toBeNull()
  })
})

describe("statusOf", () => {
  it("is NOT_FOUND for FN_001 and ERROR for the rest", () => {
    expect(errors.map(statusOf)).toEqual([
      SocketStatus.NOT_FOUND,
      SocketStatus.NOT_FOUND,
      SocketStatus.ERROR,
      SocketStatus.ERROR,
      SocketStatus.ERROR
    ])
  })
})
