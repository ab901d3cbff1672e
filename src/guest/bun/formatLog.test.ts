import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { formatLog } from "./formatLog.ts"
import { logLine, MAX_LOG_BYTES } from "./Lines.ts"

describe("console arguments as text", () => {
  test.each<readonly [args: ReadonlyArray<unknown>, text: string]>([
    [[], ""],
    [["text"], "text"],
    [["100%"], "100%"],
    [["%s"], "%s"],
    [["a", 1, null, undefined, true], "a 1 null undefined true"],
    [[1, "%s", 2], "1 %s 2"],
    [["%s and %s", "one"], "one and %s"],
    [["%s", "one", "two", { a: 1 }], "one two {\n  a: 1,\n}"],
    [["%d|%i|%f", "12.5", 12.9, "1.25x"], "12.5|12|1.25"],
    [["%d|%i", 10n, 11n], "10n|11n"],
    [["%d", {}], "NaN"],
    [["%j", { a: [1] }], '{"a":[1]}'],
    [["%o|%O", [1], { b: 2 }], "[ 1 ]|{\n  b: 2,\n}"],
    [["%cstyled%c", "color: red", ""], "styled"],
    [["100%% of %s", "it"], "100% of it"],
    [["%x %s", "taken"], "%x taken"],
    [["%", "kept"], "% kept"],
    [["%s%", 1], "1%"],
    [["%s", Symbol("s")], "Symbol(s)"],
    [["%d", Symbol("s")], "NaN"],
    [[["%s"], "x"], '[ "%s" ] x'],
    [[-0, 5n, Symbol("q")], "-0 5n Symbol(q)"]
  ])("case %#", (args, text) => {
    expect(formatLog(args)).toBe(text)
  })

  test("never throws, whatever is passed", () => {
    const hostile = new Proxy(() => {}, {
      get() {
        throw new Error("trap")
      },
      ownKeys() {
        throw new Error("trap")
      }
    })
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^(%[sdifjoOc%x]|[a-z ]){0,8}$/)),
        fc.array(
          fc.oneof(
            fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true }),
            fc.constant(hostile)
          ),
          {
            maxLength: 5
          }
        ),
        (format, args) => {
          expect(typeof formatLog([format, ...args])).toBe("string")
        }
      )
    )
  })
})

describe("log lines", () => {
  test("are one line of JSON each, within the bound, and whole where they fit", () => {
    const text = fc
      .tuple(fc.string({ unit: "binary", maxLength: 40 }), fc.constantFrom(1, 1, 100, 2_000, 30_000, 80_000))
      .map(([unit, times]) => unit.repeat(Math.min(times, 200_000 / Math.max(1, unit.length))))
    fc.assert(
      fc.property(text, (message) => {
        const line = logLine('"id"', "info", message)
        expect(line.indexOf("\n")).toBe(line.length - 1)
        const said = JSON.parse(line).payload.message as string
        expect(Buffer.byteLength(said)).toBeLessThanOrEqual(MAX_LOG_BYTES)
        const whole = Buffer.byteLength(message) <= MAX_LOG_BYTES
        expect(whole ? said === message : /… \[cut: \d+ of \d+ bytes\]$/.test(said)).toBe(true)
      }),
      { numRuns: 60 }
    )
  })
})
