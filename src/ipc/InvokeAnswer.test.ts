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

  it("hands on no hop-by-hop headers, and no invocation's id of the handler's own", () => {
    const headers = {
      connection: "X-Hop, Set-Cookie",
      "keep-alive": "5",
      "transfer-encoding": "chunked",
      "x-hop": "1",
      "set-cookie": ["a=1", "b=2"],
      "x-invocation-id": "mine",
      "x-kept": "2"
    }
    expect(decode(encodeResult(result({ headers }), "id-1", "GET"))).toMatchObject({
      headers: { "x-kept": "2" },
      header_list: [["x-kept", "2"]],
      execution_id: "id-1"
    })
  })

  it.each([
    ["GET", 200, "abc", "77", {}],
    ["GET", 200, "abc", "3", { "content-length": "3" }],
    ["GET", 200, "", "5", {}],
    ["HEAD", 200, "", "5", { "content-length": "5" }],
    ["GET", 304, "", "5", { "content-length": "5" }],
    ["HEAD", 200, "abc", "5", {}]
  ])("to %s, with status %i and the body '%s', hands on a length of %s where it is right", (...one) => {
    const [method, status, text, length, expected] = one
    const body = new TextEncoder().encode(text)
    const answer = encodeResult(
      result({ status, body, headers: { "content-length": length } }),
      "id-1",
      method
    )
    expect(decode(answer)).toMatchObject({ headers: expected, header_list: Object.entries(expected) })
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
