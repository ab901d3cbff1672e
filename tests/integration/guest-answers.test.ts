import { describe, expect, test } from "vitest"
import {
  functionFixture,
  GuestProcess,
  guestRuntimes,
  type GuestRuntime,
  useRuntime
} from "../support/GuestProcess.ts"

const TEXT = "text/plain;charset=UTF-8"

/** Path → what the answer has to be. */
const answers: ReadonlyArray<
  readonly [
    path: string,
    status: number,
    body: string | ReadonlyArray<number>,
    headers: Readonly<Record<string, unknown>>
  ]
> = [
  ["/text", 200, "text", { "content-type": TEXT }],
  ["/empty-text", 200, "", { "content-type": TEXT }],
  ["/nothing", 200, "", {}],
  ["/html", 200, "<p>", { "content-type": "text/html" }],
  ["/json", 200, '{"a":[1,"ü"]}', { "content-type": "application/json;charset=utf-8" }],
  ["/bytes", 200, [0, 255, 10, 13, 34, 92], {}],
  ["/blob", 200, "blob", { "content-type": "image/png" }],
  ["/form", 200, "a=1+2", { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" }],
  ["/stream", 200, "one two \0\u0001", {}],
  ["/generator", 200, "from a generator", {}],
  ["/subclass", 201, "sub", { "content-type": TEXT }],
  ["/clone", 200, "clone", { "content-type": TEXT }],
  ["/created", 201, "created", { "content-type": TEXT }],
  ["/no-content", 204, "", {}],
  ["/no-content-with-body", 204, "", { "content-type": TEXT }],
  ["/not-modified", 304, "", { etag: '"1"' }],
  ["/redirect", 307, "", { location: "https://example.com/next" }],
  ["/teapot", 418, "short and stout", { "content-type": TEXT }],
  ["/599", 599, "highest", { "content-type": TEXT }],
  [
    "/cookies",
    200,
    "cookies",
    {
      "content-type": TEXT,
      "x-one": "1",
      "set-cookie": ["a=1; Path=/", "b=2; HttpOnly"],
      vary: "accept, cookie"
    }
  ],
  ["/one-cookie", 200, "", { "content-type": TEXT, "set-cookie": "only=1" }],
  ["/latin-header", 200, "", { "content-type": TEXT, "x-latin": 'café "q" \\' }],
  ["/thenable", 200, "thenable", { "content-type": TEXT }],
  ["/promise-of-promise", 200, "nested", { "content-type": TEXT }],
  ["/late", 200, "late", { "content-type": TEXT }],
  ["/like", 202, "like", { "x-like": "yes", "set-cookie": ["a=1", "b=2"] }],
  ["/like-string-body", 200, "string body", { "x-map": "1" }],
  ["/like-bytes-body", 200, [2, 3], {}],
  ["/like-stream-body", 200, "streamed", { "x-pair": "1" }],
  ["/like-no-body", 200, "", {}],
  ["/nowhere", 404, "no such route", { "content-type": TEXT }]
]

/** Path → a part of the message. */
const invalid: ReadonlyArray<readonly [path: string, message: string]> = [
  ["/invalid/undefined", "returned nothing (undefined)"],
  ["/invalid/null", "returned null"],
  ["/invalid/string", "returned a string"],
  ["/invalid/number", "returned the number 42"],
  ["/invalid/object", "an object with ok, data"],
  ["/invalid/array", "an array"],
  ["/invalid/function", "a function"],
  ["/invalid/date", "a Date"],
  ["/invalid/request", "a Request"],
  ["/invalid/error-response", "Response.error()"],
  ["/invalid/switching", "status 101"],
  ["/invalid/like-status-99", "status 99"],
  ["/invalid/like-status-600", "status 600"],
  ["/invalid/like-status-nan", "status NaN"],
  ["/invalid/like-status-text", "an object with status, body"],
  ["/invalid/like-without-body", "an object with status, headers"],
  ["/invalid/like-bad-header", "cannot be read"],
  ["/invalid/like-bad-headers", "cannot be read: its headers are the number 5"],
  ["/invalid/like-bad-body", "whose body is the number 5"],
  ["/invalid/like-throwing-status", "cannot be read: status getter"],
  ["/invalid/used", "already used"],
  ["/invalid/locked", "locked or was already used"]
]

const broken: ReadonlyArray<readonly [path: string, message: string]> = [
  ["/broken/stream", "the stream broke"],
  ["/broken/stream-null", "null was thrown"],
  ["/broken/generator", "the generator broke"],
  ["/broken/file", "ENOENT"],
  ["/broken/like", "arrayBuffer broke"],
  ["/broken/thenable", "then getter"],
  ["/broken/proxy", "trap"]
]

/** Path → message, and a part of the stack where there has to be one. */
const thrown: ReadonlyArray<readonly [path: string, message: string, stack?: string]> = [
  ["/error", "boom", "Error: boom"],
  ["/type-error", "null is not an object", "TypeError"],
  ["/app-error", "of the app", "AppError"],
  ["/no-message", "RangeError", "RangeError"],
  ["/cause", "outer", "Caused by: TypeError: inner"],
  ["/aggregate", "several", "AggregateError"],
  ["/dom-exception", "stopped"],
  ["/string", "a string"],
  ["/empty-string", "an empty string was thrown"],
  ["/number", "42 was thrown"],
  ["/bigint", "10n was thrown"],
  ["/symbol", "Symbol(mark) was thrown"],
  ["/null", "null was thrown"],
  ["/undefined", "undefined was thrown"],
  ["/object", "E_CODE"],
  ["/null-prototype", "x: 1"],
  ["/function", "[Function: thrown] was thrown"],
  ["/response", "Response"],
  ["/hostile", "was thrown"],
  ["/hostile-error", "Error"],
  ["/long", "x".repeat(1_000)],
  ["/cyclic-cause", "cyclic", "Caused by: "],
  ["/message-object", "Error"],
  ["/stack-object", "with a stack of its own"]
]

/**
 * Where the runtimes differ, as documented: Bun's own APIs, Bun's content type of JSON, the engines' own messages, and
 * statuses that the standard does not let anybody construct.
 */
const differs: Readonly<Record<GuestRuntime, Readonly<Record<string, unknown>>>> = {
  bun: {},
  "quickjs-ng": {
    "/json": { "content-type": "application/json" },
    "/type-error": "of null",
    "/stack-object": "setter expects a string"
  }
}
const bunOnly: ReadonlySet<string> = new Set([
  // the constructor throws, as the standard says
  "/invalid/switching",
  // Bun.file
  "/broken/file",
  // the constructor throws, as the standard says
  "/no-content-with-body"
])

describe.each(guestRuntimes)("on %s", (runtime) => {
  useRuntime(runtime)
  const here = <Case extends readonly [path: string, ...rest: ReadonlyArray<unknown>]>(
    cases: ReadonlyArray<Case>
  ): ReadonlyArray<Case> => (runtime === "bun" ? cases : cases.filter(([path]) => !bunOnly.has(path)))

  describe("what a handler returns", () => {
    test("is sent as status, headers and body, whatever kind of Response it is", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/answers.js") })
      for (const [path, status, body, usual] of here(answers)) {
        const headers = differs[runtime][path] ?? usual
        const response = await guest.response({ path })
        expect({ path, status: response.status, headers: response.headers }).toEqual({
          path,
          status,
          headers
        })
        expect(typeof body === "string" ? response.text : [...response.bytes], path).toEqual(body)
      }
      // the same, all at once
      const ids = here(answers).map(([path]) => guest.begin({ path }))
      for (const [i, id] of ids.entries()) {
        expect(await guest.answer(id)).toMatchObject({
          type: "response",
          payload: { status: here(answers)[i]?.[1] }
        })
      }
      expect(guest.violations).toEqual([])
    })

    test("is made with a Response class as the standard has it", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/answers.js") })
      const { text } = await guest.response({ path: "/response-class" })
      expect(JSON.parse(text)).toEqual([
        "Response",
        "TypeError",
        true,
        true,
        true,
        true,
        "[object Response]",
        "a/b",
        TEXT,
        null
      ])
    })

    test("is refused with INVALID_RESPONSE, saying what it was, when it is no response", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/answers.js") })
      for (const [path, message] of here(invalid)) {
        const error = await guest.failure({ path })
        expect({ path, code: error.code }).toEqual({ path, code: "INVALID_RESPONSE" })
        expect(error.message, path).toContain(message)
      }
      expect(await guest.response({ path: "/shared" })).toMatchObject({ text: "only once" })
      expect(await guest.failure({ path: "/shared" })).toMatchObject({ code: "INVALID_RESPONSE" })
      expect(guest.violations).toEqual([])
      expect(await guest.response({ path: "/text" })).toMatchObject({ text: "text" })
    })

    test("is refused with RESPONSE_TOO_LARGE when no line could carry it", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/answers.js") })
      const error = await guest.failure({ path: "/invalid/too-large" })
      expect(error.code).toBe("RESPONSE_TOO_LARGE")
      expect(error.message).toContain("50331648 bytes")
      expect(await guest.response({ path: "/text" })).toMatchObject({ text: "text" })
    })

    test("is refused with RESPONSE_TOO_LARGE when its headers make the line too long", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/answers.js") })
      const { bytes, headers } = await guest.response({ path: "/large-headers" })
      expect([bytes.length, headers["x-large"]?.length]).toEqual([47 * 1024 * 1024, 500_000])
      for (const path of ["/invalid/large-headers", "/invalid/headers-alone"]) {
        const error = await guest.failure({ path })
        expect([path, error.code]).toEqual([path, "RESPONSE_TOO_LARGE"])
        expect(error.message).toContain("headers of")
      }
      expect(await guest.response({ path: "/text" })).toMatchObject({ text: "text" })
      expect(guest.violations).toEqual([])
    })

    test("fails with HANDLER_ERROR when its body breaks", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/answers.js") })
      for (const [path, message] of here(broken)) {
        const error = await guest.failure({ path })
        expect({ path, code: error.code }).toEqual({ path, code: "HANDLER_ERROR" })
        expect(error.message, path).toContain(message)
      }
      expect(guest.violations).toEqual([])
    })
  })

  describe("what a handler throws", () => {
    test.each([
      ["at once", ""],
      ["after an await", "?async"]
    ])("becomes one HANDLER_ERROR with message and stack: %s", async (_name, query) => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/throws.js") })
      for (const [path, usual, stack] of thrown) {
        const message = differs[runtime][path] ?? usual
        const error = await guest.failure({ path, url: path + query })
        expect({ path, code: error.code }).toEqual({ path, code: "HANDLER_ERROR" })
        expect(error.message, path).toContain(message)
        expect(error.message.length, path).toBeLessThan(40_000)
        expect(error.stack ?? "", path).toContain(stack ?? "")
        // the guest's own frames are nobody's business
        expect(error.stack ?? "", path).not.toContain("src/guest")
      }
      await guest.settled()
      expect(guest.violations).toEqual([])
    })

    test("its stack points into the bundle", async () => {
      const bundle = functionFixture("valid/throws.js")
      const guest = await GuestProcess.ready({ bundle })
      const { stack } = await guest.failure({ path: "/error" })
      expect(stack).toMatch(new RegExp(`^Error: boom\n {4}at .*${bundle}:\\d+:\\d+`))
    })
  })
})
