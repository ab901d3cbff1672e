import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SimulatedClock } from "../../tests/support/SimulatedClock.ts"
import type { Invocation } from "../domain/Invocation.ts"
import { HostMessage } from "../protocol/worker/Messages.ts"
import { WorkerSession } from "./WorkerSession.ts"
import { listeningTransport } from "../../tests/support/listeningTransport.ts"

const invocation = (id: string, fields: Partial<Invocation> = {}): Invocation => ({
  id,
  method: "GET",
  path: "/",
  url: "/",
  headers: {},
  body: null,
  ...fields
})

/** A session of a worker that is ready, and the lines that were written to it. */
const openSession = (): { readonly session: WorkerSession; readonly written: Array<string> } => {
  const written: Array<string> = []
  const ignore = (): void => {}
  const session = new WorkerSession(
    listeningTransport((line) => void written.push(line)),
    { ready: ignore, loadFailed: ignore, log: ignore, stray: ignore, faulted: ignore },
    new SimulatedClock().service
  )
  const ready = { id: "", type: "ready", payload: { protocol: "1.1", features: ["concurrency"] } }
  session.receive(Buffer.from(`${JSON.stringify(ready)}\n`))
  return { session, written }
}

/** What the worker gets of an invocation. */
const lineOf = (sent: Invocation, budgetMs = 1_000): string => {
  const { session, written } = openSession()
  session.invoke(sent, budgetMs, () => {})
  return written[0] as string
}

const response = (id: string) => ({ id, type: "response", payload: { status: 200, headers: {}, body: "" } })
const log = (id: string, message: string) => ({ id, type: "log", payload: { level: "info", message } })

/** Any string that JavaScript can hold, lone surrogates included. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string(),
  fc
    .array(fc.oneof(fc.integer({ min: 0xd800, max: 0xdfff }), fc.nat(0xffff)), { maxLength: 8 })
    .map((codes) => String.fromCharCode(...codes)),
  fc.constantFrom(
    "\n",
    "\r\n",
    '"',
    "\\",
    "\u2028\u2029",
    "__proto__",
    '"}}\n{"id":"x","type":"shutdown","payload":{}}'
  )
)

describe("an invoke line", () => {
  it("gives the worker exactly what came in: any header, url, body and Unicode", () => {
    fc.assert(
      fc.property(
        anyText,
        fc.record(
          {
            method: anyText,
            path: anyText,
            url: anyText,
            headers: fc.dictionary(anyText, fc.oneof(anyText, fc.array(anyText, { maxLength: 3 }))),
            body: fc.option(fc.uint8Array({ maxLength: 40 })),
            trace: anyText
          },
          { requiredKeys: [] }
        ),
        fc.double({ min: -10, max: 900_000, noNaN: true }),
        (id, fields, budgetMs) => {
          const sent = invocation(id, fields)
          const line = lineOf(sent, budgetMs)
          expect(line.indexOf("\n")).toBe(line.length - 1)
          // What goes over the wire is UTF-8, in which a lone surrogate does not exist: it has to be written as an escape.
          const message: unknown = JSON.parse(Buffer.from(line).toString())
          const { payload, ...envelope } = Schema.decodeUnknownSync(HostMessage)(message)
          expect(envelope).toEqual({ id, type: "invoke" })
          const { body, deadline_ms, query, ...rest } = payload as Record<string, unknown>
          const { body: sentBody, id: _, headers, ...sentRest } = sent
          expect({ ...rest, headers: JSON.parse(line).payload.headers }).toEqual({
            ...sentRest,
            headers: JSON.parse(JSON.stringify(headers))
          })
          expect(Buffer.from(body as string, "base64")).toEqual(Buffer.from(sentBody ?? []))
          expect(deadline_ms).toBe(Math.max(0, Math.round(budgetMs)))
          expect(typeof query).toBe("object")
        }
      ),
      { numRuns: 400 }
    )
  })

  it("has the query as a map too, the last of repeated keys", () => {
    const line = lineOf(invocation("a", { url: "/x?a=1&b=%20+c&a=2&=e&__proto__=p&d" }))
    const { payload } = JSON.parse(line) as { payload: { query: object } }
    expect(Object.entries(payload.query)).toEqual([
      ["a", "2"],
      ["b", "  c"],
      ["", "e"],
      ["__proto__", "p"],
      ["d", ""]
    ])
  })

  it("takes the body from the middle of a larger buffer", () => {
    const digits = Buffer.from("0123456789")
    const bodies = [digits.subarray(3, 6), digits.subarray(4, 4), null].map((body) => {
      const { payload } = JSON.parse(lineOf(invocation("a", { body }))) as { payload: { body: string } }
      return Buffer.from(payload.body, "base64").toString()
    })
    expect(bodies).toEqual(["345", "", ""])
  })
})

const must = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(what)
}

describe("any conversation", () => {
  it("settles every invocation exactly once, however the bytes are cut and whatever is among them (R-1, R-11)", () => {
    const act = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant("invoke" as const), id: fc.constantFrom("a", "b", "c") })
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("answer" as const), which: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("log" as const), which: fc.nat(3) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant("bytes" as const), bytes: fc.uint8Array({ maxLength: 20 }) })
      },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant("text" as const),
          text: fc.constantFrom("\n", "x\n", "{}\n", "é\n")
        })
      },
      { weight: 1, arbitrary: fc.constantFrom({ do: "unasked" as const }, { do: "exit" as const }) }
    )
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 60, size: "max" }),
        fc.integer({ min: 1, max: 50 }),
        (acts, size) => {
          const { session } = openSession()
          const settlements: Array<number> = []
          let open: Array<{ readonly id: string; readonly serial: number }> = []
          const say = (bytes: Uint8Array): void => {
            for (let at = 0; at < bytes.length; at += size) session.receive(bytes.subarray(at, at + size))
          }
          const sayMessage = (message: unknown): void => say(Buffer.from(`\n${JSON.stringify(message)}\n`))
          for (const one of acts) {
            switch (one.do) {
              case "invoke": {
                const serial = settlements.push(0) - 1
                const id = session.invoke(invocation(one.id), 1, () => {
                  settlements[serial] = (settlements[serial] ?? 0) + 1
                })
                open.push({ id, serial })
                break
              }
              case "answer": {
                const chosen = open[one.which % Math.max(1, open.length)]
                if (chosen === undefined) break
                open = open.filter((other) => other !== chosen)
                const dead = session.lost !== null
                sayMessage(response(chosen.id))
                must(settlements[chosen.serial] === 1, "an answer settles its invocation")
                must(dead || session.lost === null, "an answer that was asked for is no fault")
                break
              }
              case "log":
                sayMessage(log(open[one.which % Math.max(1, open.length)]?.id ?? "", "line"))
                break
              case "bytes":
                say(one.bytes)
                break
              case "text":
                say(Buffer.from(one.text))
                break
              case "unasked":
                sayMessage(response("never asked"))
                must(session.lost !== null, "an answer that nobody asked for is a fault")
                open = []
                break
              case "exit":
                session.fail({ kind: "exit", reason: "exited with code 0" })
                open = []
            }
            must(session.inFlight === (session.lost === null ? open.length : 0), "the table is right")
          }
          session.fail({ kind: "exit", reason: "exited with code 0" })
          expect(settlements.every((times) => times === 1)).toBe(true)
        }
      ),
      { numRuns: 300 }
    )
  })
})
