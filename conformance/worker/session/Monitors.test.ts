import { describe, expect, it } from "vitest"
import { Monitors, type Violation } from "./Monitors.ts"
import { requirementsOf } from "./rules.ts"

type Line = readonly ["→" | "←", unknown]

const message = (id: string, type: string, payload: unknown = {}) => ({ id, type, payload })
const ready = (features: ReadonlyArray<string> = []): Line => ["←", message("", "ready", { features })]
const invoke = (id: string): Line => ["→", message(id, "invoke")]
const response = (id: string): Line => ["←", message(id, "response", { status: 200, headers: {}, body: "" })]
const error = (id: string, code = "HANDLER_ERROR"): Line => [
  "←",
  message(id, "error", { message: "m", code })
]
const log = (id: string): Line => ["←", message(id, "log", { level: "info", message: "m" })]
const fetching = (id: string, call_id: string, name = "fetch"): Line => [
  "←",
  message(id, "call", { call_id, name })
]

const bytesOf = (line: unknown): Uint8Array =>
  line instanceof Uint8Array ? line : Buffer.from(typeof line === "string" ? line : JSON.stringify(line))

const seen = (lines: ReadonlyArray<Line>, withBundle = true): ReadonlyArray<string> => {
  const violations: Array<Violation> = []
  const monitors = new Monitors(withBundle, (violation) => violations.push(violation))
  for (const [direction, line] of lines) {
    if (direction === "→") monitors.sent(bytesOf(line))
    else monitors.heard(bytesOf(line))
  }
  return violations.map(({ rule }) => rule)
}

/** What is in order. */
const allowed: Readonly<Record<string, ReadonlyArray<Line>>> = {
  "an invocation": [ready(), invoke("a"), log("a"), response("a"), log("a")],
  "an id that comes again": [ready(), invoke("a"), error("a"), invoke("a"), response("a")],
  "any order": [ready(), invoke("a"), invoke("b"), response("b"), response("a")],
  "lines at load": [log(""), ready(), log("")],
  "a load error": [error("", "BUNDLE_LOAD_ERROR")],
  "what was cancelled before ready": [invoke("a"), error("a", "CANCELLED"), ready()],
  "an empty id": [ready(), invoke(""), response("")],
  "unknown types and fields": [ready(), ["←", { id: "x", type: "later", payload: { a: 1 }, more: 1 }]],
  pings: [
    ready(),
    ["→", message("p", "ping")],
    ["→", message("p", "ping")],
    ["←", message("p", "pong")],
    ["←", message("p", "pong")]
  ],
  "a second load": [ready(), ["→", message("l", "load")], error("l", "BUNDLE_LOAD_ERROR")],
  "an invocation without a payload": [ready(), ["→", { id: "a", type: "invoke" }], error("a")],
  calls: [
    ready(["call"]),
    invoke("a"),
    fetching("a", "1"),
    fetching("a", "2"),
    ["→", message("a", "result", { call_id: "1" })],
    fetching("a", "1"),
    fetching("a", "2", "abort"),
    fetching("", "3")
  ],
  "what was no message": [ready(), ["→", "garbage"], ["→", '{"id":1,"type":"invoke"}']]
}

/** What is not, and the rule. */
const forbidden: Readonly<Record<string, readonly [rule: string, lines: ReadonlyArray<Line>]>> = {
  "no UTF-8": ["utf8", [["←", Uint8Array.of(0x22, 0xff, 0x22)]]],
  "no JSON": ["json", [["←", "listening on port 80"]]],
  "an empty line": ["json", [["←", ""]]],
  "a byte order mark": ["json", [["←", '\uFEFF{"id":"","type":"ready","payload":{}}']]],
  "no object": ["json", [["←", []]]],
  "no id": ["envelope", [["←", { type: "ready", payload: {} }]]],
  "no type": ["envelope", [["←", { id: "", payload: {} }]]],
  "no payload": ["envelope", [["←", { id: "", type: "ready" }]]],
  "a payload that is an array": ["envelope", [["←", message("", "ready", [])]]],
  "a status that is text": [
    "payload",
    [["←", message("a", "response", { status: "200", headers: {}, body: "" })]]
  ],
  "a body that is no base64": [
    "payload",
    [["←", message("a", "response", { status: 200, headers: {}, body: "x" })]]
  ],
  "headers that cannot be sent": [
    "payload",
    [["←", message("a", "response", { status: 200, headers: { a: "1\n2" }, body: "" })]]
  ],
  "an error without a message": ["payload", [["←", message("a", "error", { code: "HANDLER_ERROR" })]]],
  "an unknown level": ["payload", [["←", message("", "log", { level: "trace", message: "m" })]]],
  "features that are no list": ["payload", [["←", message("", "ready", { features: "ping" })]]],
  "an unknown code": ["error-code", [ready(), invoke("a"), error("a", "OOPS")]],
  "a second answer": ["answer-twice", [ready(), invoke("a"), response("a"), error("a")]],
  "an answer that nobody asked for": ["answer-unasked", [ready(), response("a")]],
  "a response with an empty id": ["answer-unasked", [ready(), invoke("a"), response("")]],
  "an answer to garbage": ["answer-unasked", [ready(), ["→", '{"id":1,"type":"invoke"}'], response("1")]],
  "a second ready": ["ready-once", [ready(), ready()]],
  "a ready with an id": ["ready-id", [["←", message("r", "ready")]]],
  "a response before ready": ["before-ready", [invoke("a"), response("a")]],
  "a log line of nobody": ["log-id", [ready(), log("x")]],
  "a pong of nobody": ["pong", [ready(), ["←", message("p", "pong")]]],
  "a second pong": [
    "pong",
    [ready(), ["→", message("p", "ping")], ["←", message("p", "pong")], ["←", message("p", "pong")]]
  ],
  "a call that was not announced": ["call-feature", [ready(), invoke("a"), fetching("a", "1")]],
  "a call of nobody": ["call-id", [ready(["call"]), fetching("x", "1")]],
  "two calls of one name": [
    "call-unique",
    [ready(["call"]), invoke("a"), fetching("a", "1"), fetching("a", "1")]
  ],
  "an abort of no call": ["call-abort", [ready(["call"]), fetching("", "1", "abort")]]
}

describe("the monitors", () => {
  it.each(Object.entries(allowed))("let pass: %s", (_name, lines) => {
    expect(seen(lines)).toEqual([])
  })

  it.each(Object.entries(forbidden))("report: %s", (_name, [rule, lines]) => {
    expect(seen(lines)).toEqual([rule])
  })

  it("know of workers without a bundle that they say ready twice, and of load errors only once asked", () => {
    const load: Line = ["→", message("", "load")]
    expect(seen([ready(), load, ready(), invoke("a"), response("a")], false)).toEqual([])
    expect(seen([load, ready(), ready()], false)).toEqual([])
    expect(seen([ready(), load, error("", "BUNDLE_LOAD_ERROR")], false)).toEqual([])
    expect(seen([ready(), error("", "BUNDLE_LOAD_ERROR")], false)).toEqual(["answer-unasked"])
    expect(seen([ready(), load, ready(), ready()], false)).toEqual(["ready-once"])
  })

  it("belong to a requirement each, but for floods", () => {
    for (const [rule] of Object.values(forbidden)) {
      expect(requirementsOf(rule as Violation["rule"])?.[0]).toMatch(/^WP-\d{3}$/)
    }
    expect(requirementsOf("flood")).toBeUndefined()
  })
})
