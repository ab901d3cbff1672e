import { describe, expect, it } from "vitest"
import type { InvocationResult } from "../domain/Invocation.ts"
import { responseOf } from "./ForwardedHeaders.ts"

const result = (overrides: Partial<InvocationResult>): InvocationResult => ({
  status: 200,
  headers: {},
  body: new Uint8Array(0),
  coldStart: false,
  executionMs: 0,
  queueMs: 0,
  ...overrides
})

describe("responseOf", () => {
  it("keeps what the handler said and withholds what is for one hop", () => {
    const response = responseOf(
      result({
        status: 418,
        headers: {
          connection: "x-hop",
          "x-hop": "1",
          "transfer-encoding": "chunked",
          upgrade: "h2c",
          "content-length": "99",
          "content-type": "text/x",
          "x-invocation-id": "forged",
          "set-cookie": ["a=1", "b=2"]
        },
        body: new Uint8Array([1])
      }),
      "id-1",
      false
    )
    expect(response.status).toBe(418)
    expect(response.headers.getSetCookie()).toStrictEqual(["a=1", "b=2"])
    expect([...response.headers.keys()].filter((name) => name !== "set-cookie")).toStrictEqual([
      "content-type",
      "x-invocation-id"
    ])
    expect(response.headers.get("x-invocation-id")).toBe("id-1")
  })

  it.each([204, 205, 304])("%i has no body, whatever the handler gave", async (status) => {
    const response = responseOf(result({ status, body: new Uint8Array([1, 2]) }), "i", false)
    expect(response.body).toBeNull()
  })

  it("throws where a header cannot be sent", () => {
    expect(() => responseOf(result({ headers: { "x-a": "one\r\ntwo: 2" } }), "i", false)).toThrow(TypeError)
    expect(() => responseOf(result({ headers: { "x-a": "✓" } }), "i", false)).toThrow(TypeError)
    expect(() => responseOf(result({ headers: { "set-cookie": ["a=1", "b\n=2"] } }), "i", false)).toThrow(
      TypeError
    )
  })
})
