// Schema's arbitraries are of the fast-check that Effect brings.
import { Arbitrary, Either, FastCheck as fc, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { decodeWorkerMessage } from "./decodeWorkerMessage.ts"
import * as Messages from "./Messages.ts"
import { MAX_LINE_BYTES } from "./Wire.ts"

const encoder = new TextEncoder()
const decode = (text: string) => decodeWorkerMessage(encoder.encode(text))
const bySchema = Schema.decodeUnknownEither(Messages.WorkerMessage)
const TYPES = ["response", "log", "error", "ready", "pong", "call"]

/** The same line, sorted by the Schemas: the slow way that the hot path has to agree with. */
const expectedTag = (text: string): "message" | "ignored" | "invalid" | "stray" => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return "stray"
  }
  if (!Schema.is(Schema.Struct({ id: Schema.String, type: Schema.String }))(value)) return "stray"
  if (!TYPES.includes(value.type)) return "ignored"
  return Either.isRight(bySchema(value)) ? "message" : "invalid"
}

const validMessage = Arbitrary.make(Messages.WorkerMessage)
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    199,
    200,
    200.5,
    599,
    600,
    "",
    "response",
    [],
    {},
    [[]],
    [1],
    ["a"]
  ),
  fc.constantFrom<unknown>(
    { a: 1 },
    { a: "b" },
    { a: ["b", "c"] },
    { a: [1] },
    { a: null },
    { a: { b: "c" } }
  ),
  fc.jsonValue({ maxDepth: 2 })
)
const keys = fc.constantFrom(
  ...[
    "id",
    "type",
    "payload",
    "status",
    "headers",
    "body",
    "message",
    "stack",
    "code",
    "line",
    "column",
    "level"
  ],
  ...["metadata", "protocol", "runtime", "runtime_version", "features", "handler", "pid"],
  ...["call_id", "name", "request", "__proto__", "constructor", "later"]
)

type Mutation = {
  readonly inPayload: boolean
  readonly key: string
  readonly to: { readonly value: unknown } | null
}
const mutation: fc.Arbitrary<Mutation> = fc.record({
  inPayload: fc.boolean(),
  key: keys,
  to: fc.option(fc.record({ value: odd }))
})

/** Sets or removes a field as JSON text would: `__proto__` becomes a field like any other. */
const mutated = (message: unknown, mutations: ReadonlyArray<Mutation>): string => {
  const whole = Object.entries(message as Record<string, unknown>)
  const change = (entries: Array<[string, unknown]>, { key, to }: Mutation): Array<[string, unknown]> => {
    const others = entries.filter(([name]) => name !== key)
    return to === null ? others : [...others, [key, to.value]]
  }
  let entries = whole
  for (const one of mutations) {
    if (!one.inPayload) {
      entries = change(entries, one)
      continue
    }
    entries = entries.map(([name, value]) =>
      name === "payload" && typeof value === "object" && value !== null && !Array.isArray(value)
        ? [name, Object.fromEntries(change(Object.entries(value), one))]
        : [name, value]
    )
  }
  return JSON.stringify(Object.fromEntries(entries))
}

describe("decodeWorkerMessage", () => {
  it("takes every message that the Schemas take, as it is", () => {
    fc.assert(
      fc.property(validMessage, (message) => {
        const text = JSON.stringify(message)
        expect(decode(text)).toEqual({ _tag: "message", message: JSON.parse(text) })
      }),
      { numRuns: 500 }
    )
  })

  it("agrees with the Schemas on messages that are changed anywhere", () => {
    fc.assert(
      fc.property(validMessage, fc.array(mutation, { minLength: 1, maxLength: 3 }), (message, mutations) => {
        const text = mutated(message, mutations)
        expect([decode(text)._tag, text]).toEqual([expectedTag(text), text])
      }),
      { numRuns: 3_000 }
    )
  })

  it("agrees with the Schemas on any JSON", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(decode(text)._tag).toBe(expectedTag(text))
      })
    )
  })

  it("never throws, and keeps what it does not understand", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = decodeWorkerMessage(bytes)
        expect(["message", "ignored", "invalid", "stray"]).toContain(decoded._tag)
      })
    )
    // and on what begins like a message
    const start = encoder.encode('{"id":"1","type":"response","payload":')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeWorkerMessage(Uint8Array.from([...start, ...bytes, 0x7d]))
      })
    )
  })

  it("sorts", () => {
    expect(
      decode('{"id":"1","type":"response","payload":{"status":200,"headers":{"a":["b","c"]},"body":""}}')
    ).toEqual({
      _tag: "message",
      message: { id: "1", type: "response", payload: { status: 200, headers: { a: ["b", "c"] }, body: "" } }
    })
    expect(decode('{"id":"","type":"ready","payload":{}}')._tag).toBe("message")
    expect(decode('{"id":"1","type":"chunk","payload":7}')).toEqual({ _tag: "ignored", type: "chunk" })
    expect(decode('{"id":"1","type":"chunk"}')).toEqual({ _tag: "ignored", type: "chunk" })
    expect(decode('{"id":"1","type":"toString","payload":{}}')).toEqual({ _tag: "ignored", type: "toString" })
    expect(decode('{"id":"1","type":"log","payload":[]}')).toEqual({
      _tag: "invalid",
      type: "log",
      reason: "payload is not an object"
    })
    expect(decode('{"id":"1","type":"response","payload":{"status":101,"headers":{},"body":""}}')).toEqual({
      _tag: "invalid",
      type: "response",
      reason: "status is not a whole number from 200 to 599"
    })
    for (const stray of [
      "",
      "hello",
      "1",
      "null",
      "[]",
      '"x"',
      "{}",
      '{"id":1,"type":"log"}',
      '{"type":"log"}',
      "{"
    ]) {
      expect(decode(stray)).toEqual({ _tag: "stray", text: stray })
    }
  })

  it("ignores fields that it does not know", () => {
    const text = '{"id":"1","type":"pong","later":1,"payload":{"later":{"x":[]}}}'
    expect(decode(text)._tag).toBe("message")
  })

  it("takes bytes that are not UTF-8 for something printed", () => {
    const broken = Uint8Array.from([
      ...encoder.encode('{"id":"1","type":"pong","payload":{"x":"'),
      0xff,
      0x22,
      0x7d,
      0x7d
    ])
    const decoded = decodeWorkerMessage(broken)
    expect(decoded._tag === "stray" && decoded.text.includes("\ufffd")).toBe(true)
    // A byte order mark is no white space.
    expect(decode('\ufeff{"id":"1","type":"pong","payload":{}}')._tag).toBe("stray")
  })

  describe("a large line", () => {
    const large = 200_000

    it("is a message as long as it is one long string", () => {
      const bodies = ["A".repeat(large), '[{,"'.repeat(large / 4), "\\".repeat(large), '"'.repeat(large)]
      for (const body of bodies) {
        const text = JSON.stringify({
          id: "1",
          type: "response",
          payload: { status: 200, headers: { a: "b" }, body }
        })
        const decoded = decode(text)
        expect(
          decoded._tag === "message" &&
            decoded.message.type === "response" &&
            decoded.message.payload.body === body
        ).toBe(true)
      }
    })

    it("of very many values is never taken apart: it would stop the server and cost gigabytes (R-11)", () => {
      const nested = (open: string): string =>
        `{"id":"","type":"log","payload":{"metadata":${open.repeat(large)}`
      for (const text of [
        nested("["),
        nested('{"a":'),
        nested("[],"),
        `{"id":"1","a":[${"0,".repeat(large)}0]}`
      ]) {
        expect(decode(text)).toEqual({ _tag: "stray", text })
      }
      const worst = Buffer.alloc(MAX_LINE_BYTES, "[")
      expect(decodeWorkerMessage(worst)._tag).toBe("stray")
    })

    it("is sorted like a small one", () => {
      const padding = " ".repeat(large)
      fc.assert(
        fc.property(validMessage, fc.array(mutation, { maxLength: 2 }), (message, mutations) => {
          const text = mutated(message, mutations)
          expect(decode(text + padding)._tag).toBe(decode(text)._tag)
        }),
        { numRuns: 100 }
      )
    })
  })
})
