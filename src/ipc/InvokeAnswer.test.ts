import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { ExecutionTimeout } from "../domain/Errors.ts"
import type { InvocationResult } from "../domain/Invocation.ts"
import { InvokeAnswer } from "../protocol/socket/Payloads.ts"
import { encodeFailure, encodeResult } from "./InvokeAnswer.ts"

const result = (over: Partial<InvocationResult>): InvocationResult => ({
  status: 200,
  headers: {},
  body: new Uint8Array(0),
  coldStart: false,
  executionMs: 1.25,
  queueMs: 0,
  ...over
})
const decode = Schema.decodeUnknownSync(Schema.parseJson(InvokeAnswer))

describe("encodeResult", () => {
  it("keeps every header in the list, and makes a map of strings for clients that take one", () => {
    const headers = { "content-type": "text/plain", vary: ["a", "b"], "set-cookie": ["x=1; Path=/", "y=2"] }
    const answer = decode(encodeResult(result({ headers }), "id-1", "GET"))
    expect(answer).toMatchObject({
      success: true,
      status: 200,
      headers: { "content-type": "text/plain", vary: "a, b", "set-cookie": "y=2" },
      header_list: [
        ["content-type", "text/plain"],
        ["vary", "a"],
        ["vary", "b"],
        ["set-cookie", "x=1; Path=/"],
        ["set-cookie", "y=2"]
      ],
      execution_id: "id-1"
    })
  })

  it("tells the time in whole milliseconds, for clients that read an integer, and in microseconds", () => {
    const payload = JSON.parse(encodeResult(result({ executionMs: 12.3456 }), "i", "GET")) as Record<
      string,
      unknown
    >
    expect(payload).toMatchObject({ execution_time_ms: 12, execution_time_us: 12346 })
  })

  it("keeps bytes exact", () => {
    const body = Uint8Array.from({ length: 256 }, (_, index) => index)
    const payload = JSON.parse(encodeResult(result({ body }), "i", "GET")) as { body: string }
    expect(Uint8Array.fromBase64(payload.body)).toEqual(body)
  })

  it("sends no body to HEAD", () => {
    expect(decode(encodeResult(result({ body: Uint8Array.of(1) }), "i", "HEAD"))).toMatchObject({ body: "" })
  })

  it("keeps a header that is called __proto__ a header", () => {
    const headers = JSON.parse('{"__proto__":"x"}') as Record<string, string>
    expect(encodeResult(result({ headers }), "i", "GET")).toContain('"headers":{"__proto__":"x"}')
  })
})

describe("encodeFailure", () => {
  it("holds the text, the code, the id and the problem", () => {
    expect(decode(encodeFailure(new ExecutionTimeout({ timeoutMs: 5, phase: "run" }), "id-2"))).toMatchObject(
      {
        success: false,
        error: "the function did not answer within its 5 ms and was stopped",
        code: "FN_002",
        execution_id: "id-2",
        invocation_id: "id-2",
        status: 504,
        retryable: true
      }
    )
  })
})
