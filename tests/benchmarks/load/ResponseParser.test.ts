import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ResponseParser, UnexpectedResponse } from "./ResponseParser.ts"

interface Seen {
  readonly status: number
  readonly body: string
}

const parse = (pieces: Iterable<Uint8Array>): ReadonlyArray<Seen> => {
  const seen: Array<Seen> = []
  let body: Array<Uint8Array> = []
  const parser = new ResponseParser({
    body: (piece) => body.push(piece.slice()),
    complete: (status) => {
      seen.push({ status, body: Buffer.concat(body).toString("latin1") })
      body = []
    }
  })
  for (const piece of pieces) parser.feed(piece)
  return seen
}

const parseText = (text: string): ReadonlyArray<Seen> => parse([Buffer.from(text, "latin1")])

/** Cuts at random places; a cut may fall on another, which gives an empty piece. */
const cutAt = (bytes: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const cuts = [
    0,
    ...places.map((part) => Math.floor(part * bytes.length)).sort((a, b) => a - b),
    bytes.length
  ]
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
}

const headerName = fc.oneof(
  fc.constantFrom("Content-Lengt", "Content-Length-X", "X-Content-Length", "Date", "Transfer-Encodin"),
  fc.stringMatching(/^X-[A-Za-z0-9-]{1,20}$/)
)
const header = fc
  .tuple(headerName, fc.stringMatching(/^[ -~]{0,30}$/))
  .map(([name, value]) => `${name}: ${value}`)

const chunked = (body: string, sizes: ReadonlyArray<number>, extension: string, trailer: string): string => {
  let rest = body
  let text = ""
  for (const size of [...sizes, body.length]) {
    const piece = rest.slice(0, size)
    rest = rest.slice(size)
    if (piece !== "") text += `${piece.length.toString(16)}${extension}\r\n${piece}\r\n`
  }
  return `${text}0\r\n${trailer}\r\n`
}

const response = fc
  .record({
    status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
    reason: fc.constantFrom("", "OK", "Not Found"),
    before: fc.array(header, { maxLength: 4 }),
    after: fc.array(header, { maxLength: 4 }),
    name: fc.constantFrom("Content-Length", "content-length", "CONTENT-LENGTH"),
    chunks: fc.option(fc.array(fc.integer({ min: 1, max: 30 })), { nil: null }),
    extension: fc.constantFrom("", ";a=b", " ", "; 1f"),
    trailer: fc.constantFrom("", "Checksum: 0\r\n"),
    body: fc.string({ unit: fc.constantFrom("\r", "\n", "H", "0", ":", "\xff"), maxLength: 60 })
  })
  .map(({ after, before, body, chunks, extension, name, reason, status, trailer }) => ({
    text: [
      `HTTP/1.1 ${status} ${reason}`,
      ...before,
      chunks === null ? `${name}: ${body.length}` : "Transfer-Encoding: chunked",
      ...after,
      "",
      chunks === null ? body : chunked(body, chunks, extension, trailer)
    ].join("\r\n"),
    seen: { status, body }
  }))

describe("ResponseParser", () => {
  it("reads any series of responses, however it is cut up", () => {
    fc.assert(
      fc.property(
        fc.array(response, { maxLength: 6 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 }),
        (responses, places) => {
          const bytes = Buffer.from(responses.map(({ text }) => text).join(""), "latin1")
          expect(parse(cutAt(bytes, places))).toEqual(responses.map(({ seen }) => seen))
        }
      ),
      { numRuns: 500 }
    )
  })

  it("reads them byte by byte", () => {
    fc.assert(
      fc.property(response, ({ seen, text }) => {
        expect(parse([...Buffer.from(text, "latin1")].map((byte) => Uint8Array.of(byte)))).toEqual([seen])
      })
    )
  })

  it("knows the statuses without a body, and passes over 1xx", () => {
    expect(
      parseText("HTTP/1.1 204 No Content\r\nDate: x\r\n\r\nHTTP/1.1 304 \r\nContent-Length: 7\r\n\r\n")
    ).toEqual([
      { status: 204, body: "" },
      { status: 304, body: "" }
    ])
    expect(parseText("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).toEqual([
      { status: 200, body: "ok" }
    ])
  })

  const refused: ReadonlyArray<readonly [string, string]> = [
    ["something else", "SSH-2.0-OpenSSH\r\n"],
    ["a status that is no number", "HTTP/1.1 2x0 OK\r\n"],
    ["a status line that stops short", "HTTP/1.1 20\r\n"],
    ["a body of unstated length", "HTTP/1.1 200 OK\r\n\r\n"],
    ["a chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"],
    ["a size that is no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"],
    ["a chunk that is too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"],
    ["both kinds of length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"],
    ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: 1a\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
    ["headers without end", `HTTP/1.1 200 OK\r\n${"X-Filler: x\r\n".repeat(10_000)}`]
  ]
  for (const [what, text] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => parseText(text)).toThrow(UnexpectedResponse)
    })
  }

  it("is at the start only between responses", () => {
    const bytes = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    const parser = new ResponseParser({ complete: () => {} })
    expect(parser.atStart).toBe(true)
    bytes.forEach((byte, index) => {
      parser.feed(Uint8Array.of(byte))
      expect(parser.atStart).toBe(index === bytes.length - 1)
    })
  })
})
