import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { findJsonFault } from "./JsonFault.ts"

describe("findJsonFault", () => {
  it.each([
    ['{\n  "http_port" 8080\n}', 2, 15, "expected ':', found \"8\""],
    ['{"a": 1,}', 1, 8, "a comma before '}' is one too many"],
    ['{"a": 1\n "b": 2}', 2, 2, "expected ',' or '}', found \"\\\"\""],
    ["{'a': 1}", 1, 2, 'expected a key in double quotes, found "\'" (use double quotes)'],
    ['{"a": nope}', 1, 7, 'expected a value, found "n"'],
    ['{"a": 1} // why', 1, 10, 'expected the end of the text, found "/"'],
    ["// why\n{}", 1, 1, "JSON has no comments"],
    ['{"a": "x\ny"}', 1, 7, 'a text without its closing "'],
    ['{"a": "\\x"}', 1, 8, "no such escape in JSON"],
    ["", 1, 1, "expected a value, the text ends here"],
    ['{"a": [1, 2', 1, 12, "expected ',' or ']', the text ends here"]
  ])("%j", (text, line, column, reason) => {
    expect(findJsonFault(text)).toEqual({ line, column, reason })
  })

  it("survives nesting without bound", () => {
    expect(findJsonFault("[".repeat(500_000))?.reason).toBe("nested too deeply")
  })

  it("finds no fault in JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2, "\t"), (value, indent) => {
        expect(findJsonFault(JSON.stringify(value, null, indent))).toBeNull()
      })
    )
  })

  it("agrees with JSON.parse about damaged texts", () => {
    const damaged = fc
      .tuple(
        fc.jsonValue({ maxDepth: 3 }),
        fc.nat(),
        fc.constantFrom("", ",", '"', "}", "]", "\\", "0", "-", "\n", "x")
      )
      .map(([value, place, character]) => {
        const text = JSON.stringify(value)
        const at = place % (text.length + 1)
        return text.slice(0, at) + character + text.slice(at + 1)
      })
    fc.assert(
      fc.property(damaged, (text) => {
        let parses = true
        try {
          JSON.parse(text)
        } catch {
          parses = false
        }
        expect(findJsonFault(text) === null).toBe(parses)
      })
    )
  })
})
