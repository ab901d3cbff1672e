import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { functionFixture, GuestProcess, guestRuntimes, useRuntime } from "../support/GuestProcess.ts"

const token = fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/)
// what a header's value may hold, without blanks at its ends
const headerValue = fc.stringMatching(
  /^([\x21-\x7e\xa0-\xff]([\x20-\x7e\xa0-\xff]{0,30}[\x21-\x7e\xa1-\xff])?)?$/
)
const reserved = new Set(["host", "x-invocation-id", "cookie", "set-cookie"])
const headers = fc.dictionary(
  token.filter((name) => !reserved.has(name)),
  fc.oneof(headerValue, fc.array(headerValue, { minLength: 1, maxLength: 4 })),
  { maxKeys: 8 }
)
const path = fc
  .array(fc.oneof(fc.string({ unit: "grapheme" }), fc.string()), { maxLength: 4 })
  .map((segments) => `/${segments.map((segment) => encodeURIComponent(segment.toWellFormed())).join("/")}`)
  // these the URL standard itself resolves
  .filter((text) => !/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(text))
const query = fc.oneof(fc.constant(""), fc.stringMatching(/^\?[A-Za-z0-9&=+%._~;:@!$()*,/?-]{0,60}$/))
const method = fc.constantFrom("POST", "PUT", "PATCH", "DELETE", "PROPFIND", "REPORT")
const body = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.uint8Array({ minLength: 1000, maxLength: 70_000 })
)
const id = fc.oneof(fc.uuid(), fc.string({ unit: "binary", maxLength: 40 }))

/** The headers as the standard's own class holds them. */
const expectedHeaders = (id: string, sent: Record<string, string | ReadonlyArray<string>>) => {
  const all = new Headers()
  for (const [name, held] of Object.entries(sent)) {
    for (const value of typeof held === "string" ? [held] : held) all.append(name, value)
  }
  try {
    all.set("x-invocation-id", id)
  } catch {
    // an id that no header can carry
  }
  return [...all]
}

describe.each(guestRuntimes)("on %s", (runtime) => {
  useRuntime(runtime)

  describe("an echo", () => {
    test("gives back method, URL, headers and body exactly, whatever they are", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/echo.js") })
      await fc.assert(
        fc.asyncProperty(
          method,
          path,
          query,
          headers,
          body,
          id,
          async (method, path, query, headers, body, id) => {
            const url = path + query
            const answer = await guest.answer(guest.begin({ id, method, path, url, headers, body }))
            guest.messages.length = 0
            if (answer.type !== "response") throw new Error(answer.payload.message)
            const seen = JSON.parse(
              decodeURIComponent(escape(atob(answer.payload.headers["x-seen"] as string)))
            )
            expect(answer.body.equals(body)).toBe(true)
            expect(seen.method).toBe(method)
            expect(seen.url).toBe(`http://localhost${url}`)
            expect(seen.headers).toEqual(expectedHeaders(id, headers))
          }
        ),
        { numRuns: 300 }
      )
      expect(guest.violations).toEqual([])
    })
  })

  /** What a host may put on the wire, and what it has to have back. */
  type Item =
    | { readonly kind: "invoke"; readonly text: string }
    | { readonly kind: "ping" }
    | { readonly kind: "cancel" }
    | { readonly kind: "garbage"; readonly bytes: Uint8Array }

  const garbage = fc
    .oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.json().map((text) => Buffer.from(text.replaceAll("\n", " "))),
      fc
        .constantFrom('{"id":"x","type":"response","payload":{}}', '{"id":1,"type":"invoke"}', "{", '"', "[]")
        .map((text) => Buffer.from(text))
    )
    .map((bytes) => bytes.filter((byte) => byte !== 10))
  const item: fc.Arbitrary<Item> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("invoke" as const),
        text: fc.string({ unit: "grapheme", maxLength: 30 })
      })
    },
    { weight: 1, arbitrary: fc.constant<Item>({ kind: "ping" }) },
    { weight: 1, arbitrary: fc.constant<Item>({ kind: "cancel" }) },
    { weight: 2, arbitrary: garbage.map((bytes): Item => ({ kind: "garbage", bytes })) }
  )

  describe.each(["descriptor", "stdio"] as const)("the host's bytes over %s", (transport) => {
    test("may be cut anywhere, with anything between the messages: each is answered once", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/echo.js"), transport })
      let serial = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(item, { minLength: 1, maxLength: 25 }),
          fc.array(fc.nat({ max: 400 }), { maxLength: 60 }),
          async (items, cuts) => {
            const parts: Array<Uint8Array> = []
            const invoked = new Map<string, string>()
            const pinged: Array<string> = []
            for (const one of items) {
              const id = `n${(serial += 1)}`
              if (one.kind === "garbage") parts.push(one.bytes)
              else if (one.kind === "ping") {
                pinged.push(id)
                parts.push(Buffer.from(JSON.stringify({ id, type: "ping", payload: {} })))
              } else if (one.kind === "cancel") {
                parts.push(
                  Buffer.from(JSON.stringify({ id, type: "cancel", payload: { reason: "client_gone" } }))
                )
              } else {
                invoked.set(id, one.text)
                guest.expect(id)
                const payload = {
                  method: "POST",
                  path: "/",
                  headers: { "x-text": encodeURIComponent(one.text.toWellFormed()) },
                  body: Buffer.from(one.text).toString("base64")
                }
                parts.push(Buffer.from(JSON.stringify({ id, type: "invoke", payload })))
              }
              parts.push(Buffer.from("\n"))
            }
            const bytes = Buffer.concat(parts)
            let at = 0
            for (const cut of cuts) {
              guest.sendRaw(bytes.subarray(at, at + cut))
              at += cut
              // lets the piece go out by itself
              await new Promise((resolve) => setImmediate(resolve))
            }
            guest.sendRaw(bytes.subarray(at))
            for (const [id, text] of invoked) {
              expect(await guest.answer(id)).toMatchObject({
                type: "response",
                text: Buffer.from(text).toString()
              })
            }
            for (const id of pinged)
              await guest.next((message) => message.type === "pong" && message.id === id)
            await guest.settled()
            guest.messages.length = 0
          }
        ),
        { numRuns: 60 }
      )
      expect(guest.violations).toEqual([])
    })
  })

  describe("invocations in flight together", () => {
    test("are answered as they complete, in whatever order that is", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/relay.js") })
      let serial = 0
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 40 }).chain((count) =>
            fc.shuffledSubarray(
              Array.from({ length: count }, (_, i) => i),
              { minLength: count, maxLength: count }
            )
          ),
          async (order) => {
            serial += 1
            const ids = order.map((_, i) =>
              guest.begin({ id: `${serial}-${i}`, url: `/wait?for=${serial}-${i}` })
            )
            await guest.settled()
            const cancelled = order[0] as number
            guest.send({ id: ids[cancelled] as string, type: "cancel", payload: { reason: "deadline" } })
            for (const i of order) guest.begin({ id: `go-${serial}-${i}`, url: `/go?for=${serial}-${i}` })
            for (const [i, id] of ids.entries()) {
              expect(await guest.answer(id)).toMatchObject(
                i === cancelled ? { payload: { code: "CANCELLED" } } : { text: `${serial}-${i} went` }
              )
            }
            await guest.settled()
            const answered = guest.messages.flatMap(({ id, type }) =>
              (type === "response" || type === "error") && id.startsWith(`${serial}-`) ? [id] : []
            )
            expect(answered).toEqual(order.map((i) => `${serial}-${i}`))
            guest.messages.length = 0
          }
        ),
        { numRuns: 60 }
      )
      expect(guest.violations).toEqual([])
    })
  })
})
