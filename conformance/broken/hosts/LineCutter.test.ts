import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LineCutter } from "./LineCutter.ts"

const MAX = 64 * 1024 * 1024

describe("the line cutter", () => {
  it("finds the lines of a stream however it is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 20 }).map((text) => text.replaceAll("\n", " "))),
        fc.array(fc.nat(200), { maxLength: 8 }),
        (lines, places) => {
          const stream = Buffer.from(lines.map((line) => `${line}\n`).join(""))
          const inside = places.map((place) => place % (stream.length + 1)).toSorted((a, b) => a - b)
          const found: Array<string> = []
          const cutter = new LineCutter(
            (bytes) => found.push(bytes.toString()),
            () => expect.unreachable("a line that is too long")
          )
          for (const [index, end] of [...inside, stream.length].entries())
            cutter.push(stream.subarray(inside[index - 1] ?? 0, end))
          expect(found).toEqual(lines)
        }
      )
    )
  })

  it("hands on a line that is too long in pieces, and goes on behind it", () => {
    const [found, pieces]: [Array<string>, Array<number>] = [[], []]
    const cutter = new LineCutter(
      (bytes) => found.push(bytes.toString()),
      (piece) => pieces.push(piece.length)
    )
    cutter.push(Buffer.from("before\n"))
    cutter.push(Buffer.alloc(MAX, 97))
    expect(pieces).toEqual([])
    cutter.push(Buffer.from("b"))
    cutter.push(Buffer.from("c\nafter\n"))
    expect(pieces).toEqual([MAX + 1, 1, 1])
    expect(found).toEqual(["before", "after"])
  })
})
