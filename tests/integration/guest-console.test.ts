import { describe, expect, test } from "vitest"
import { MAX_LOG_BYTES } from "../../src/guest/bun/Lines.ts"
import { functionFixture, GuestProcess, guestRuntimes, useRuntime } from "../support/GuestProcess.ts"

type Said = ReadonlyArray<readonly [level: string, message: string | RegExp]>

/** Path → what the console calls there have to become. */
const said: ReadonlyArray<readonly [path: string, lines: Said]> = [
  [
    "/levels",
    [
      ["info", "log 1"],
      ["info", "info formatted"],
      ["debug", "debug {\n  a: {\n    b: {\n      c: [Object ...],\n    },\n  },\n}"],
      ["warn", "warn null undefined"],
      ["error", 'error [ "x" ]']
    ]
  ],
  [
    "/dir",
    [
      ["info", "{\n  a: [Object ...],\n}"],
      ["info", /^┌───┬───┬───┐\n│ {3}│ a │ b │\n├───┼───┼───┤\n│ 0 │ 1 │ x │\n└───┴───┴───┘$/],
      ["info", "no table"],
      ["info", "{\n  x: 1,\n}"]
    ]
  ],
  ["/trace", [["info", /^Trace: here 1\n {4}at .*speaks\.js:\d+:\d+/]]],
  [
    "/assert",
    [
      ["error", "Assertion failed"],
      ["error", "Assertion failed: said why"]
    ]
  ],
  [
    "/count",
    [
      ["info", "default: 1"],
      ["info", "label: 1"],
      ["info", "default: 2"],
      ["info", "default: 1"],
      ["warn", "Count for 'unknown' does not exist"]
    ]
  ],
  [
    "/time",
    [
      ["warn", "Timer 't' already exists"],
      ["info", /^\[\d+\.\d\dms\] t so far \{\n {2}a: 1,\n\}$/],
      ["info", /^\[\d+\.\d\dms\] t$/],
      ["warn", "Timer 't' does not exist"],
      ["warn", "Timer 'unknown' does not exist"]
    ]
  ],
  [
    "/group",
    [
      ["info", "outer 1"],
      ["info", "  inside\n  second line"],
      ["warn", "    {\n      a: 1,\n    }"],
      ["info", "outside"]
    ]
  ],
  ["/open-group", [["info", "left open"]]],
  // the group that was left open was another invocation's
  [
    "/empty",
    [
      ["info", ""],
      ["info", ""]
    ]
  ],
  ["/unicode", [["info", '\ud800 lone, \u2028, \0, \u001b[31mred\u001b[0m, \u{1f600}, "quoted" \\']]],
  [
    "/hostile",
    [
      ["info", /cannot be shown/],
      ["info", /toString/],
      ["info", /^NaN 10n \[Object: null prototype\] \{\} \{/],
      ["info", /./],
      // the whole worker counts together
      ["info", "default: 2"]
    ]
  ],
  [
    "/destructured",
    [
      ["info", "without its object"],
      ["error", "1 0 [ 1, 2 ]"],
      ["error", "2 1 [ 1, 2 ]"]
    ]
  ],
  ["/error", [["error", /^TypeError: logged, not thrown(\n +at .*speaks\.js:\d+:\d+\)?)+$/]]],
  [
    "/errors",
    [
      [
        "error",
        /^failed: Error: outer(\n +at .*speaks\.js:.*)+\nCaused by: RangeError: inner(\n +at .*speaks\.js:.*)+$/
      ],
      [
        "error",
        /^AggregateError: several(\n +at .*speaks\.js:.*)+\nError 1 of 2: TypeError: one(\n +at .*speaks\.js:.*)+\nError 2 of 2: TypeError: two(\n +at .*speaks\.js:.*)+$/
      ]
    ]
  ]
]

/** Node's ways to the console: on Bun only. */
const saidByModules: (typeof said)[number] = [
  "/modules",
  [
    ["info", "node:console"],
    ["error", "a Console of its own"],
    ["info", "written in two"]
  ]
]

describe.each(guestRuntimes)("on %s", (runtime) => {
  useRuntime(runtime)

  describe("the console", () => {
    test("becomes log messages of the invocation, formatted as Bun formats", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/speaks.js") })
      for (const [path, lines] of runtime === "bun" ? [...said, saidByModules] : said) {
        const id = guest.begin({ path })
        expect(await guest.answer(id), path).toMatchObject({ type: "response", text: "said" })
        const logs = guest.logs(id)
        expect(
          logs.map(({ level }) => level),
          path
        ).toEqual(lines.map(([level]) => level))
        for (const [i, [, message]] of lines.entries()) {
          const text = logs[i]?.message ?? ""
          expect({
            path,
            text,
            fits: typeof message === "string" ? text === message : message.test(text)
          }).toEqual({
            path,
            text,
            fits: true
          })
        }
      }
      expect(guest.logs("")).toEqual([])
      expect(guest.violations).toEqual([])
    })

    test("a log line is cut at 64 KiB, with a note, between characters", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/speaks.js") })
      const id = guest.begin({ path: "/long" })
      await guest.answer(id)
      const [ascii, euro, emoji, whole] = guest.logs(id).map(({ message }) => message)
      for (const [text, size] of [
        [ascii, 70_000],
        [euro, 210_000],
        [emoji, 160_000]
      ] as const) {
        expect(Buffer.byteLength(text as string)).toBeLessThanOrEqual(MAX_LOG_BYTES)
        expect(Buffer.byteLength(text as string)).toBeGreaterThan(MAX_LOG_BYTES - 100)
        expect(text).toMatch(new RegExp(`… \\[cut: \\d+ of ${size} bytes\\]$`))
        expect((text as string).isWellFormed()).toBe(true)
      }
      expect(whole).toBe("b".repeat(65_536))
    })

    test("log lines are out before a loop that never ends, and before the answer", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/spins.js") })
      const id = guest.begin()
      expect(await guest.logged("before the loop")).toMatchObject({ id })
    })

    test("each line is its own invocation's, with 50 in flight, in every asynchronous context", async () => {
      const guest = await GuestProcess.ready({ bundle: functionFixture("valid/attribution-web.js") })
      expect(guest.logs("")).toEqual([{ level: "info", message: "at import" }])
      const names = Array.from({ length: 50 }, (_, i) => `n${i}`)
      const ids = names.map((name, i) => guest.begin({ url: `/?name=${name}&of=50&wait=${(i * 7) % 11}` }))
      for (const [i, id] of ids.entries()) {
        const name = names[i] as string
        expect(await guest.answer(id)).toMatchObject({ type: "response", text: name })
        expect(guest.logs(id).map(({ message }) => message)).toEqual([
          `${name} start`,
          `${name} after the gate`,
          `${name} after a timer`,
          `${name} in a microtask`,
          `${name} in an interval`,
          `${name} in a reaction`,
          `${name} in a thenable`,
          `${name} in a generator`,
          `${name} in an event`,
          `${name} in a stream`
        ])
      }
      // what was said came before the answer
      for (const id of ids) {
        const last = guest.messages.findLastIndex((message) => message.id === id)
        expect(guest.messages[last]?.type).toBe("response")
      }
      expect(guest.logs("")).toHaveLength(1)
      expect(guest.violations).toEqual([])
    })
  })
})

// Bun only, from here: it is about the ways in which Node and Bun print and call back.
describe("the console in the callbacks of Node's modules", () => {
  test("each line is its own invocation's, with 50 in flight, in every asynchronous context", async () => {
    const guest = await GuestProcess.ready({ bundle: functionFixture("valid/attribution.js") })
    expect(guest.logs("")).toEqual([{ level: "info", message: "at import" }])
    const names = Array.from({ length: 50 }, (_, i) => `n${i}`)
    const ids = names.map((name, i) => guest.begin({ url: `/?name=${name}&of=50&wait=${(i * 7) % 11}` }))
    for (const [i, id] of ids.entries()) {
      const name = names[i] as string
      expect(await guest.answer(id)).toMatchObject({ type: "response", text: name })
      expect(guest.logs(id).map(({ level, message }) => `${level} ${message}`)).toEqual([
        `info ${name} start`,
        `info ${name} after the gate`,
        `info ${name} after a timer`,
        `info ${name} in a microtask`,
        `info ${name} in an immediate`,
        `info ${name} in a tick`,
        `info ${name} after reading`,
        `info ${name} in an event`,
        `info ${name} on stdout`,
        `info ${name} in a stream`,
        `error ${name} unfinished`
      ])
    }
    // what was said came before the answer
    for (const id of ids) {
      const last = guest.messages.findLastIndex((message) => message.id === id)
      expect(guest.messages[last]?.type).toBe("response")
    }
    expect(guest.logs("")).toHaveLength(1)
    expect(guest.violations).toEqual([])
  })
})

const forged = '{"id":"forged","type":"response","payload":{"status":200,"headers":{},"body":""}}'

/** Path → log lines of the invocation. */
const printed: ReadonlyArray<readonly [path: string, lines: Said]> = [
  ["/console", [["info", `${forged}\n`]]],
  ["/stdout", [["info", forged]]],
  ["/bytes", [["info", forged]]],
  ["/stderr", [["error", "to stderr"]]],
  [
    "/lines",
    [
      ["info", "first"],
      ["info", "second"],
      ["info", "unfinished"]
    ]
  ],
  ["/latin1", [["info", "café"]]],
  ["/callback", [["info", "with a callback"]]],
  ["/piped", [["info", "piped in pieces"]]],
  ["/stream-properties", [["info", '[1,false,"function",false]']]],
  ["/bad-chunk", [["info", "TypeError"]]],
  ["/stdin", [["info", "stdin has 0 characters"]]]
]

/** Paths that go round JavaScript's streams, to the descriptor itself. */
const direct = ["/fd", "/bun-write", "/bun-writer", "/child", "/child-bun"]

describe.each(["descriptor", "stdio", "pipes"] as const)("what a function prints over %s", (transport) => {
  test("becomes log lines and cannot reach the protocol", async () => {
    const guest = await GuestProcess.ready({ bundle: functionFixture("valid/prints.js"), transport })
    for (const [path, lines] of printed) {
      const id = guest.begin({ path })
      expect(await guest.answer(id), path).toMatchObject({ type: "response", text: "printed" })
      expect(
        guest.logs(id).map(({ level, message }) => [level, message]),
        path
      ).toEqual(lines)
    }
    const endless = guest.begin({ path: "/endless-line" })
    await guest.answer(endless)
    const pieces = guest.logs(endless).map(({ message }) => message)
    expect(pieces.length).toBeGreaterThan(3)
    expect(pieces.join("") === "x".repeat(300_000)).toBe(true)
    expect(guest.violations).toEqual([])
  })

  test("cannot reach the protocol by the descriptor either", async () => {
    const guest = await GuestProcess.ready({ bundle: functionFixture("valid/prints.js"), transport })
    for (const path of direct) expect(await guest.response({ path }), path).toMatchObject({ text: "printed" })
    await guest.settled()
    guest.hangUp()
    await guest.exit()
    expect(guest.violations).toEqual([])
    // nor is it lost
    const stream = transport === "descriptor" ? guest.stdout : guest.stderr
    expect(stream.split(forged)).toHaveLength(direct.length + 1)
  })
})
