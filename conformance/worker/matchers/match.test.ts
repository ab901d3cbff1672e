import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { difference, filled, matcherMistakes } from "./match.ts"

const base64 = (text: string): string => Buffer.from(text).toString("base64")

/** Matcher, what it takes, what it does not. */
const table: ReadonlyArray<readonly [matcher: unknown, takes: unknown, refuses: unknown]> = [
  [{ $any: "string" }, "", 1],
  [{ $any: "number" }, 0, "0"],
  [{ $any: "boolean" }, false, null],
  [{ $any: "object" }, {}, []],
  [{ $any: "array" }, [], {}],
  [{ $any: "value" }, null, undefined],
  [{ a: { $absent: true } }, { b: 1 }, { a: null }],
  [{ $pattern: "^a.c$" }, "abc", "abcd"],
  [{ $contains: "b" }, "abc", "ac"],
  [{ $gte: 2, $lte: 3 }, 3, 4],
  [{ $gte: 2 }, 2, "2"],
  [{ $oneOf: [1, { $any: "string" }] }, "x", 2],
  [{ $all: [{ $contains: "a" }, { $contains: "b" }] }, "ba", "a"],
  [{ $not: 1 }, 2, 1],
  [{ $exactly: { a: 1 } }, { a: 1 }, { a: 1, b: 2 }],
  [{ $exactly: { a: 1 } }, { a: 1 }, {}],
  [{ $some: { a: 1 } }, [{ a: 2 }, { a: 1 }], [{ a: 2 }]],
  [{ $every: { $any: "number" } }, [1, 2], [1, "2"]],
  [{ $length: 2 }, "ab", [1]],
  [{ $length: { $gte: 2 } }, [1, 2, 3], ""],
  [{ $bytes: 3 }, base64("abc"), base64("ab")],
  [{ $bytes: 0 }, "", "not base64"],
  [{ $base64: base64("\0") }, base64("\0"), base64("")],
  [{ $text: "grüß" }, base64("grüß"), base64("gruss")],
  [{ $text: { $pattern: "ü" } }, base64("grüß"), "grüß"],
  [{ $json: { a: [1] } }, base64('{"b":2,"a":[1]}'), base64("{")],
  [{ a: { b: 1 } }, { a: { b: 1, c: 2 } }, { a: {} }],
  [{ a: 1 }, { a: 1 }, "a"],
  [
    [1, 2],
    [1, 2],
    [1, 2, 3]
  ],
  [null, null, undefined],
  ["a", "a", "b"]
]

describe("matchers", () => {
  it.each(table)("%j takes %j and refuses %j", (matcher, takes, refuses) => {
    expect(difference(matcher, takes)).toBeNull()
    expect(difference(matcher, refuses)).not.toBeNull()
    expect(matcherMistakes(matcher)).toEqual([])
  })

  it("take every JSON value for itself, and tell any other from it", () => {
    // keys that begin with $ are matchers
    const json = fc.jsonValue({ maxDepth: 3 }).filter((value) => !JSON.stringify(value).includes("$"))
    fc.assert(
      fc.property(json, (value) => {
        expect(difference(value, structuredClone(value))).toBeNull()
        expect(difference({ outer: value }, { outer: [value] })).not.toBeNull()
      })
    )
  })

  it("say where and how it differs", () => {
    expect(difference({ payload: { headers: [{ a: 1 }] } }, { payload: { headers: [{ a: 2 }] } })).toEqual({
      path: "payload.headers[0].a",
      expected: 1,
      observed: 2
    })
    expect(difference("b", "a")).toEqual({ path: "it", expected: "b", observed: "a" })
    expect(difference({ $text: "b" }, base64("a"))).toMatchObject({ path: " as text", observed: "a" })
  })

  it("do not take what a prototype has for a key", () => {
    expect(difference({ toString: { $any: "value" } }, {})).not.toBeNull()
  })

  it("take values down, and give them back", () => {
    const captured = new Map<string, unknown>()
    expect(difference({ id: { $any: "string", $as: "call" } }, { id: "c-1" }, "", captured)).toBeNull()
    expect(filled({ payload: [{ call_id: { $ref: "call" } }, 1] }, captured)).toEqual({
      payload: [{ call_id: "c-1" }, 1]
    })
    expect(filled({ body: { $size: 3 }, none: { $ref: "nobody" } }, captured)).toEqual({
      body: base64("aaa"),
      none: null
    })
    expect(difference({ $ref: "call" }, "c-1", "", captured)).toBeNull()
    expect(difference({ $ref: "call" }, "c-2", "", captured)).not.toBeNull()
  })

  it("refuse what is no matcher, with the way to it", () => {
    expect(matcherMistakes({ a: [{ $nay: 1 }, { $pattern: "(" }, { $any: "thing" }] })).toEqual([
      { path: ["a", 0, "$nay"], message: expect.stringContaining("there is no matcher $nay") },
      { path: ["a", 1, "$pattern"], message: "$pattern is no regular expression" },
      { path: ["a", 2, "$any"], message: expect.stringContaining("$any is one of") }
    ])
    expect(matcherMistakes({ $oneOf: 1, $text: { $gte: "x" } })).toHaveLength(2)
  })
})
