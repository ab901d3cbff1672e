import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { listed, locateImport } from "./Finding.ts"

describe("listed", () => {
  it("puts the first place into the fields and the rest into lines", () => {
    expect(
      listed([
        { file: "b.ts", line: 1, message: "third" },
        { file: "a.ts", line: 10, column: 2, message: "second" },
        { file: "a.ts", line: 9, column: 5, message: "first" },
        { file: "c.ts", message: "fourth" }
      ])
    ).toEqual({
      file: "a.ts",
      line: 9,
      column: 5,
      reason: "first\na.ts:10:2: second\nb.ts:1: third\nc.ts: fourth"
    })
  })
})

describe("locateImport", () => {
  it("finds an import of exactly this name", () => {
    expect(locateImport(`import "xy"\nimport a from "x"`, "x")).toEqual({ line: 2, column: 15 })
    expect(locateImport("a;import('x')", "x")).toEqual({ line: 1, column: 10 })
    expect(locateImport("export*from'a.b'", "a.b")).toEqual({ line: 1, column: 12 })
    expect(locateImport("export*from'aXb'", "a.b")).toEqual({})
  })

  it("finds any name at the place where it stands", () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !/["\n\r\\]/.test(text))
    fc.assert(
      fc.property(name, fc.nat(5), fc.nat(5), (specifier, lines, spaces) => {
        const code = `${"\n".repeat(lines)}${" ".repeat(spaces)}import "${specifier}"`
        expect(locateImport(code, specifier)).toEqual({ line: lines + 1, column: spaces + 8 })
      })
    )
  })
})
