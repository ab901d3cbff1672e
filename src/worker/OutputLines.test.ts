import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { OutputLines } from "./OutputLines.ts"

const linesOf = (chunks: ReadonlyArray<Uint8Array>, longest?: number): Array<string> => {
  const lines: Array<string> = []
  const output = new OutputLines((text) => void lines.push(text), longest)
  for (const chunk of chunks) output.push(chunk)
  output.end()
  return lines
}

describe("OutputLines", () => {
  it("gives the same lines however the bytes are cut, characters of several bytes included", () => {
    const text = fc
      .array(fc.constantFrom("a", "é", "€", "😀", "\n", "\r", ""), { maxLength: 60, size: "max" })
      .map((parts) => parts.join(""))
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), (printed, size) => {
        const bytes = Buffer.from(printed)
        const chunks: Array<Uint8Array> = []
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
        const expected = printed.split("\n")
        if (expected.at(-1) === "") expected.pop()
        expect(linesOf(chunks)).toEqual(expected)
      })
    )
  })

  it("cuts a line that never ends into pieces, and loses nothing of it", () => {
    const chunks = Array.from({ length: 50 }, () => Buffer.from("x".repeat(33)))
    const lines = linesOf(chunks, 100)
    expect(lines.join("")).toBe("x".repeat(33 * 50))
    expect(Math.max(...lines.map((line) => line.length))).toBe(100)
  })

  it("cuts a long line also where it ends within its chunk", () => {
    expect(linesOf([Buffer.from(`${"x".repeat(250)}\nshort\n${"y".repeat(100)}\n`)], 100)).toEqual([
      "x".repeat(100),
      "x".repeat(100),
      "x".repeat(50),
      "short",
      "y".repeat(100)
    ])
  })

  it("gives the same pieces however the bytes are cut", () => {
    const text = fc.array(fc.constantFrom("abc", "é", "\n"), { maxLength: 60, size: "max" })
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 7 }), (parts, size) => {
        const bytes = Buffer.from(parts.join(""))
        const chunks: Array<Uint8Array> = []
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
        expect(linesOf(chunks, 5)).toEqual(linesOf([bytes], 5))
      })
    )
  })

  it("says what stands at the end without a newline, and nothing where nothing does", () => {
    expect(linesOf([Buffer.from("a\nb")])).toEqual(["a", "b"])
    expect(linesOf([Buffer.from("a\n")])).toEqual(["a"])
    expect(linesOf([])).toEqual([])
    expect(linesOf([Uint8Array.of(0x61, 0xe2, 0x82)])).toEqual(["a\ufffd"])
  })
})
