import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LineDecoder } from "./LineDecoder.ts"

const heardOf = (limit: number) => {
  const lines: Array<string> = []
  const heard = { lines, oversize: 0 }
  const decoder = new LineDecoder(limit, {
    line: (bytes) => void lines.push(Buffer.from(bytes).toString("latin1")),
    oversize: () => void (heard.oversize += 1)
  })
  return { decoder, heard }
}

/** The same in the plainest way: all bytes at once. */
const linesOf = (bytes: Uint8Array, limit: number) => {
  const parts = Buffer.from(bytes).toString("latin1").split("\n")
  const tooLong = parts.findIndex((part) => part.length > limit)
  return tooLong === -1
    ? { lines: parts.slice(0, -1), oversize: 0, rest: parts.at(-1) as string }
    : { lines: parts.slice(0, tooLong), oversize: 1, rest: "" }
}

const stream = fc
  .array(fc.oneof({ weight: 1, arbitrary: fc.constant(10) }, { weight: 5, arbitrary: fc.nat(255) }), {
    maxLength: 300,
    size: "max"
  })
  .map((bytes) => Uint8Array.from(bytes))

describe("the suite's own LineDecoder", () => {
  it("gives the same lines however the bytes are cut, and keeps copies", () => {
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.nat(300), { maxLength: 30 }),
        fc.nat({ max: 30 }),
        (bytes, cuts, limit) => {
          const { decoder, heard } = heardOf(limit)
          const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
          let start = 0
          for (const end of ends) {
            const lent = Buffer.from(bytes.subarray(start, end))
            decoder.push(lent)
            lent.fill(0x58)
            expect(decoder.heldBytes).toBeLessThanOrEqual(limit)
            start = end
          }
          const { rest, ...expected } = linesOf(bytes, limit)
          expect(heard).toEqual(expected)
          expect(decoder.heldBytes).toBe(rest.length)
          expect(Buffer.from(decoder.end() ?? []).toString("latin1")).toBe(rest)
          expect(decoder.end()).toBeNull()
        }
      )
    )
  })

  it("takes a line of exactly the limit, and reports one byte more once", () => {
    const { decoder, heard } = heardOf(4)
    decoder.push(Buffer.from("abcd\nabc"))
    decoder.push(Buffer.from("de\nabc\n"))
    decoder.push(Buffer.from("more\n"))
    expect(heard).toEqual({ lines: ["abcd"], oversize: 1 })
    expect(decoder.end()).toBeNull()
  })
})
