import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Outcome } from "../../src/domain/Invocation.ts"
import { answer, type GatewayUnderTest, startGateway } from "../support/GatewayUnderTest.ts"
import { RawConnection } from "../support/RawHttp.ts"

/** What goes in arrives at the handler, and what the handler answers arrives at the client, byte for byte. */

let gateway: GatewayUnderTest
let reply: Outcome = answer({})
beforeAll(async () => {
  gateway = await startGateway({ script: ({ settle }) => settle(reply) })
})
afterAll(() => gateway[Symbol.asyncDispose]())

const unreserved = "abcXYZ019-._~"
const characters = (text: string) => [...text]
const escaped = fc
  .integer({ min: 0, max: 255 })
  .map((byte) => `%${byte.toString(16).padStart(2, "0")}`)
  // Dots stay dots in any dress: the URL standard resolves them.
  .filter((text) => text !== "%2e")
const pieces = (allowed: string) =>
  fc
    .array(
      fc.oneof(
        fc.constantFrom(...characters(allowed)),
        escaped,
        escaped.map((text) => text.toUpperCase())
      ),
      {
        maxLength: 12
      }
    )
    .map((parts) => parts.join(""))
    .filter((text) => !/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(text))

const path = fc
  .array(pieces(`${unreserved}!$&'()*+,;=:@`), { maxLength: 4 })
  .map((parts) => parts.map((part) => `/${part}`).join(""))
const query = fc.option(
  pieces(`${unreserved}!$&()*+,;=:@/?`).map((text) => `?${text}`),
  { nil: "" }
)

const token = fc
  .string({
    unit: fc.constantFrom(...characters("abcdefgz0189-_.!#$%&'*+^`|~")),
    minLength: 1,
    maxLength: 12
  })
  .map((text) => `x-${text}`)
  .filter((name) => name !== "x-invocation-id" && name !== "x-function-error")
/** Everything that a header value may hold (RFC 9110, 5.5), with spaces inside. */
const value = fc
  .array(
    fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }), fc.constant(0x09)),
    {
      maxLength: 20
    }
  )
  .map((codes) => String.fromCharCode(...codes).replace(/^[ \t]+|[ \t]+$/g, ""))
const headers = fc.dictionary(token, value, { maxKeys: 8, noNullPrototype: true })
const body = fc.uint8Array({ maxLength: 3_000 })

/** The same bytes with a declared length, or as chunks of any sizes. */
const framed = (bytes: Uint8Array, cuts: ReadonlyArray<number> | null): Buffer => {
  if (cuts === null) {
    return Buffer.concat([Buffer.from(`Content-Length: ${bytes.length}\r\n\r\n`), bytes])
  }
  const parts = [Buffer.from("Transfer-Encoding: chunked\r\n\r\n")]
  let at = 0
  for (const cut of [...cuts, bytes.length]) {
    const piece = bytes.subarray(at, at + cut)
    if (piece.length === 0) continue
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), Buffer.from(piece), Buffer.from("\r\n"))
    at += piece.length
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")])
}

describe("byte for byte", () => {
  it("requests: path, query, headers, body", async () => {
    const connection = await RawConnection.open(gateway.port)
    await fc.assert(
      fc.asyncProperty(
        path,
        query,
        headers,
        body,
        fc.option(fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 10 })),
        async (tail, search, given, bytes, cuts) => {
          reply = answer({})
          const lines = Object.entries(given).map(([name, text]) => `${name}: ${text}\r\n`)
          connection
            .write(`POST /functions/hello${tail}${search} HTTP/1.1\r\nHost: a\r\n${lines.join("")}`)
            .write(framed(bytes, cuts))
          expect((await connection.response())?.status).toBe(200)
          const { invocation } = await gateway.submitted()
          const { host, "content-length": length, ...received } = invocation.headers
          expect(invocation.path).toBe(tail === "" ? "/" : tail)
          expect(invocation.url).toBe((tail === "" ? "/" : tail) + search)
          expect(received).toStrictEqual(given)
          expect(host).toBe("a")
          expect(length).toBe(cuts === null ? String(bytes.length) : undefined)
          expect(Buffer.from(invocation.body ?? [])).toStrictEqual(Buffer.from(bytes))
        }
      )
    )
    connection.destroy()
  })

  it("answers: status, headers, cookies, body", async () => {
    const connection = await RawConnection.open(gateway.port)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 200, max: 599 }),
        headers,
        fc.array(value, { maxLength: 3 }),
        fc.option(fc.constantFrom("text/plain", "application/octet-stream", "x/y; z=1")),
        body,
        fc.boolean(),
        async (status, given, cookies, type, bytes, head) => {
          reply = answer({
            status,
            headers: {
              ...given,
              ...(cookies.length === 0 ? {} : { "set-cookie": cookies }),
              ...(type === null ? {} : { "content-type": type })
            },
            body: bytes
          })
          const method = head ? "HEAD" : "GET"
          connection.write(`${method} /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n`)
          const response = await connection.response(head)
          await gateway.submitted()
          expect(response?.status).toBe(status)
          const own = ["date", "content-length", "transfer-encoding", "x-invocation-id"]
          expect(response?.headers.filter(([name]) => !own.includes(name)).toSorted()).toStrictEqual(
            [
              ...Object.entries(given),
              ...cookies.map((cookie) => ["set-cookie", cookie]),
              ...(type === null ? [] : [["content-type", type]])
            ].toSorted()
          )
          const without = head || [204, 205, 304].includes(status)
          expect(response?.body).toStrictEqual(Buffer.from(without ? [] : bytes))
          // Where there is no body by definition, its length is not said (304) or is no matter.
          const length = [204, 205, 304].includes(status) ? undefined : response?.header("content-length")
          expect([undefined, String(bytes.length)]).toContain(length)
        }
      )
    )
    connection.destroy()
  })

  it.each(["application/octet-stream", null])("10 MB in and 10 MB out (content type %s)", async (type) => {
    const bytes = new Uint8Array(10 * 1024 * 1024)
    for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
    reply = answer({ headers: type === null ? {} : { "content-type": type }, body: bytes })
    const response = await gateway.fetch("/functions/hello", { method: "POST", body: bytes })
    const back = await response.bytes()
    const { invocation } = await gateway.submitted()
    expect(Bun.hash(invocation.body ?? "")).toBe(Bun.hash(bytes))
    expect(Bun.hash(back)).toBe(Bun.hash(bytes))
    expect(back.length).toBe(bytes.length)
    expect(response.headers.get("content-type")).toBe(type)
  })
})
