import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidRequest, PayloadTooLarge } from "../domain/Errors.ts"
import type { Invocation } from "../domain/Invocation.ts"
import type { InvokeRequest } from "../protocol/socket/InvokeRequest.ts"
import { HOP_BY_HOP, stripHopByHop } from "../protocol/HopByHop.ts"
import { invocationOf } from "./InvocationOf.ts"

const LIMIT = 1000
const accepted = (request: Partial<InvokeRequest>): Invocation => {
  const made = invocationOf({ function_id: "f", ...request }, LIMIT)
  if (made instanceof InvalidRequest || made instanceof PayloadTooLarge) throw made
  return made
}
const violations = (request: Partial<InvokeRequest>): ReadonlyArray<string> => {
  const made = invocationOf({ function_id: "f", ...request }, LIMIT)
  return made instanceof InvalidRequest ? made.violations.map(({ field }) => field) : []
}
const base64 = (text: string) => Buffer.from(text).toString("base64")

describe("invocationOf", () => {
  it("fills in what was left out", () => {
    expect(accepted({})).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      method: "GET",
      path: "/",
      url: "/",
      headers: {},
      body: null
    })
  })

  it("takes null and empty text for left out, as a Go client writes them", () => {
    const made = accepted({
      method: "",
      path: "",
      url: null,
      headers: null,
      query: null,
      body: "",
      deadline_ms: null
    })
    expect(made).toMatchObject({ method: "GET", path: "/", url: "/", body: null })
    expect("deadlineMs" in made).toBe(false)
  })

  it("decodes the body and keeps the deadline and the trace", () => {
    const made = accepted({
      method: "post",
      body: base64("Grüße"),
      deadline_ms: 250,
      headers: { Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" }
    })
    expect(made).toMatchObject({ method: "POST", deadlineMs: 250 })
    expect(new TextDecoder().decode(made.body ?? undefined)).toBe("Grüße")
    expect(made.trace).toBe("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
  })

  it.each([
    [{ path: "/a" }, "/a", "/a"],
    [{ path: "/a", query: { b: "1", c: "x y&z" } }, "/a", "/a?b=1&c=x%20y%26z"],
    [{ path: "/a?z=0", query: { b: ["1", "2"] } }, "/a", "/a?z=0&b=1&b=2"],
    [{ url: "/u?a=1&a=2", path: "/ignored", query: { b: "1" } }, "/u", "/u?a=1&a=2"],
    [{ path: "/grüße/x y#z" }, "/gr%C3%BC%C3%9Fe/x%20y%23z", "/gr%C3%BC%C3%9Fe/x%20y%23z"],
    [{ path: "/%20%zz" }, "/%20%zz", "/%20%zz"],
    [{ path: "/", query: { "\ud800": "\udfff" } }, "/", "/?%EF%BF%BD=%EF%BF%BD"],
    [{ query: {} }, "/", "/"]
  ] as const)("puts path and query together: %j", (request, path, url) => {
    expect(accepted(request)).toMatchObject({ path, url })
  })

  it("brings headers into one form", () => {
    const { headers } = accepted({
      headers: {
        "Content-Type": "a/b",
        ACCEPT: ["x", "y"],
        accept: "z",
        one: ["1"],
        none: [],
        __proto__: "x"
      }
    })
    expect({ ...headers }).toEqual({ "content-type": "a/b", accept: ["x", "y", "z"], one: "1" })
  })

  it("keeps a header that is called __proto__ a header", () => {
    const { headers } = accepted(JSON.parse('{"headers":{"__proto__":"x"}}') as Partial<InvokeRequest>)
    expect(Object.keys(headers)).toEqual(["__proto__"])
    expect(JSON.stringify(headers)).toBe('{"__proto__":"x"}')
  })

  it("drops what was said to another hop, and sets right what a body's length is", () => {
    const hop = { Connection: "close", "Transfer-Encoding": "chunked", "Content-Length": "99" }
    expect(accepted({ method: "POST", body: base64("abc"), headers: hop }).headers).toEqual({
      "content-length": "3"
    })
    expect(accepted({ headers: hop }).headers).toEqual({})
  })

  it("hides from the handler by socket what HTTP hides: every hop-by-hop field, and what Connection names", () => {
    const given = {
      ...Object.fromEntries(HOP_BY_HOP.map((name) => [name.toUpperCase(), "x"])),
      connection: ["close, X-Hop", "\tHTTP2-Settings ,host"],
      "X-Hop": "1",
      "http2-settings": "AAA",
      host: "a",
      "x-end": "2"
    }
    const { headers } = accepted({ headers: given })
    expect({ ...headers }).toEqual({ host: "a", "x-end": "2" })
    const overHttp: Record<string, string> = {}
    for (const [name, value] of Object.entries(given)) overHttp[name.toLowerCase()] = String(value)
    stripHopByHop(overHttp)
    expect(overHttp).toEqual({ ...headers })
  })

  it("takes over an id that is a safe token, and shows the handler no other", () => {
    expect(accepted({ headers: { "X-Invocation-Id": "mine-1" } }).id).toBe("mine-1")
    const made = accepted({ headers: { "X-Invocation-Id": "not a token" } })
    expect(made.id).not.toBe("not a token")
    expect(made.headers["x-invocation-id"]).toBe(made.id)
  })

  it("gives GET and HEAD no body", () => {
    expect(accepted({ method: "GET", body: base64("x") }).body).toBeNull()
    expect(accepted({ method: "HEAD", body: base64("x") }).body).toBeNull()
  })

  it("finds everything that is wrong at once", () => {
    expect(
      violations({
        method: "GET /",
        path: "sub",
        body: "***",
        headers: { "bad name": "x", "x-a": "1\r\nx-b: 2", "x-c": "\u20ac", host: "a,b" }
      })
    ).toEqual(["method", "path", "headers.bad name", "headers.x-a", "headers.x-c", "headers.host", "body"])
  })

  it.each(["TRACE", "connect", "BOGUS", "x-y", "a b", "\n", "G\u00c4T", "x".repeat(300)])(
    "refuses the method %j",
    (method) => {
      expect(violations({ method })).toEqual(["method"])
    }
  )

  it.each(["a", "?a=1", "/a\nb", "/\0", "http://host/"])("refuses the path %j", (path) => {
    expect(violations({ path })).toEqual(["path"])
    expect(violations({ url: path })).toEqual(["url"])
  })

  it.each(["YQ", "YQ=", "Y", "YR==", "Y-__", "YQ==YQ==", "\u00e4"])("refuses the body %j", (body) => {
    expect(violations({ method: "POST", body })).toEqual(["body"])
  })

  it("refuses a body over the limit, and takes one that just fits", () => {
    const body = (bytes: number) => Buffer.alloc(bytes).toString("base64")
    for (const bytes of [LIMIT - 1, LIMIT]) {
      expect(accepted({ method: "POST", body: body(bytes) }).body?.length).toBe(bytes)
    }
    const refused = invocationOf({ function_id: "f", method: "POST", body: body(LIMIT + 1) }, LIMIT)
    expect(refused).toBeInstanceOf(PayloadTooLarge)
  })

  it("makes nothing that a Request could not be made of, whatever it is given", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }))
    const map = fc.dictionary(text, fc.oneof(text, fc.array(text, { maxLength: 3 })), { maxKeys: 4 })
    fc.assert(
      fc.property(
        fc.record(
          {
            function_id: fc.constant("f"),
            method: fc.oneof(fc.constantFrom("GET", "POST", "delete", "m-search", "X-Y"), text),
            path: fc.oneof(
              text.map((rest) => `/${rest}`),
              text
            ),
            url: text.map((rest) => `/${rest}`),
            headers: map,
            query: map,
            body: fc.oneof(
              text,
              fc.uint8Array().map((bytes) => bytes.toBase64())
            )
          },
          { requiredKeys: ["function_id"] }
        ),
        (request) => {
          const made = invocationOf(request, LIMIT)
          if (made instanceof InvalidRequest || made instanceof PayloadTooLarge) return
          const headers = new Headers()
          for (const name in made.headers) {
            for (const value of [made.headers[name] ?? []].flat()) headers.append(name, value)
          }
          const { body, method } = made
          expect(new URL(`http://localhost${made.url}`).host).toBe("localhost")
          expect(made.url.startsWith(made.path)).toBe(true)
          expect(new Request(`http://localhost${made.url}`, { method, headers, body }).method).toBeTypeOf(
            "string"
          )
        }
      ),
      { numRuns: 500 }
    )
  })
})
