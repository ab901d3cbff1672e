import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LineDecoder } from "./LineDecoder.ts"

const NEWLINE = 10

interface Heard {
  readonly lines: Array<string>
  oversize: number
}

const decoderOf = (limit: number): { readonly decoder: LineDecoder; readonly heard: Heard } => {
  const heard: Heard = { lines: [], oversize: 0 }
  const decoder = new LineDecoder(limit, {
    line: (bytes) => void heard.lines.push(Buffer.from(bytes).toString("latin1")),
    oversize: () => void (heard.oversize += 1)
  })
  return { decoder, heard }
}

/** The same in the plainest way: all bytes at once. */
const linesOf = (bytes: Uint8Array, limit: number): Heard & { readonly rest: string } => {
  const parts = Buffer.from(bytes).toString("latin1").split("\n")
  const tooLong = parts.findIndex((part) => part.length > limit)
  if (tooLong !== -1) return { lines: parts.slice(0, tooLong), oversize: 1, rest: "" }
  return { lines: parts.slice(0, -1), oversize: 0, rest: parts.at(-1) as string }
}

const bytesWithLines = fc
  .array(fc.oneof({ weight: 1, arbitrary: fc.constant(NEWLINE) }, { weight: 6, arbitrary: fc.nat(255) }), {
    maxLength: 400,
    size: "max"
  })
  .map((bytes) => Uint8Array.from(bytes))

/** Cuts bytes at these places, empty chunks included. */
const cut = (bytes: Uint8Array, places: ReadonlyArray<number>): Array<Uint8Array> => {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let start = 0
  return ends.map((end) => {
    const chunk = bytes.subarray(start, end)
    start = end
    return chunk
  })
}

describe("LineDecoder", () => {
  it("gives the same lines however the bytes are cut", () => {
    fc.assert(
      fc.property(
        bytesWithLines,
        fc.array(fc.nat(400), { maxLength: 30 }),
        fc.nat(40),
        (bytes, places, limit) => {
          const { decoder, heard } = decoderOf(limit)
          for (const chunk of cut(bytes, places)) {
            // Whoever pushed a chunk uses its memory again.
            const lent = Buffer.from(chunk)
            decoder.push(lent)
            lent.fill(0x58)
          }
          const { rest, ...expected } = linesOf(bytes, limit)
          expect(heard).toEqual(expected)
          expect(decoder.pendingBytes).toBe(rest.length)
          expect(decoder.end()).toBe(rest !== "")
          expect(heard.lines).toEqual(rest === "" ? expected.lines : [...expected.lines, rest])
        }
      )
    )
  })

  it("holds no more than its limit, whatever comes", () => {
    fc.assert(
      fc.property(
        bytesWithLines,
        fc.array(fc.nat(400), { maxLength: 30 }),
        fc.nat(40),
        (bytes, places, limit) => {
          const { decoder } = decoderOf(limit)
          for (const chunk of cut(bytes, places)) {
            decoder.push(chunk)
            if (decoder.pendingBytes > limit) return false
          }
          return true
        }
      )
    )
  })

  it("takes a line of exactly the limit, and reports one byte more once", () => {
    for (const pieces of [1, 2, 5]) {
      const { decoder, heard } = decoderOf(10)
      const push = (text: string): void => {
        for (const chunk of cut(
          Buffer.from(text),
          Array.from({ length: pieces - 1 }, (_, i) => i * 3)
        ))
          decoder.push(chunk)
      }
      push("0123456789\n")
      expect(heard).toEqual({ lines: ["0123456789"], oversize: 0 })
      push("0123456789A")
      expect([heard.oversize, decoder.pendingBytes]).toEqual([1, 0])
      push("\nnothing any more\n")
      expect(heard).toEqual({ lines: ["0123456789"], oversize: 1 })
      expect(decoder.end()).toBe(false)
    }
  })

  it("counts a line's limit for each line anew, also within one chunk", () => {
    const { decoder, heard } = decoderOf(3)
    decoder.push(Buffer.from("abc\ndef\n\nghi\njklm\nabc\n"))
    expect(heard).toEqual({ lines: ["abc", "def", "", "ghi"], oversize: 1 })
  })

  it("puts a large line together from pieces of every size", () => {
    const bytes = new Uint8Array(300_000).map((_, i) => (i % 251 === NEWLINE ? 0 : i % 251))
    for (const sizes of [[1], [7, 9_000], [8_192], [8_193], [16_384], [16_385], [100, 65_536, 1]]) {
      let line: Uint8Array | null = null
      const decoder = new LineDecoder(bytes.length, { line: (whole) => (line = whole), oversize: () => {} })
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length] as number
        decoder.push(bytes.subarray(at, at + size))
        at += size
      }
      decoder.push(Uint8Array.of(NEWLINE))
      expect(Buffer.compare(line ?? new Uint8Array(), bytes)).toBe(0)
      expect(decoder.pendingBytes).toBe(0)
    }
  })

  it("goes on with what follows a line that was in pieces", () => {
    const { decoder, heard } = decoderOf(100)
    for (const text of ["a", "b\ncd", "", "e", "\n\n", "f"]) decoder.push(Buffer.from(text))
    expect(heard.lines).toEqual(["ab", "cde", ""])
    expect(decoder.end()).toBe(true)
    expect(heard.lines).toEqual(["ab", "cde", "", "f"])
    expect(decoder.end()).toBe(false)
  })
})
