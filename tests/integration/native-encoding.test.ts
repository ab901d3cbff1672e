import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { nativeRuntime, runCases, type WorkerCase, WorkerUnderTest } from "../support/WorkerCases.ts"

const cases: ReadonlyArray<WorkerCase> = [
  {
    name: "a text of each encoding",
    run: () => {
      const samples: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
        ["utf-8", [0xef, 0xbb, 0xbf, 0xc3, 0xbc]],
        ["unicode", [0xff, 0xfe, 0xfc, 0]],
        ["UTF-16BE", [0, 0xfc]],
        [" Latin1\n", [0x80, 0xfc]],
        ["ibm866", [0x80]],
        ["koi8-r", [0xc1]],
        ["windows-1251", [0xc0]],
        ["iso-8859-2", [0xb1]],
        ["windows-874", [0xa1]],
        ["macintosh", [0x80]],
        ["x-user-defined", [0x80]],
        ["gbk", [0xd6, 0xd0]],
        ["gb18030", [0x81, 0x30, 0x81, 0x30]],
        ["big5", [0xa4, 0xa4]],
        ["euc-jp", [0xa4, 0xa2]],
        ["shift_jis", [0x82, 0xa0]],
        ["iso-2022-jp", [0x1b, 0x24, 0x42, 0x24, 0x22]],
        ["euc-kr", [0xb0, 0xa1]]
      ]
      return samples.map(([label, bytes]) => {
        const decoder = new TextDecoder(label as "utf-8")
        return `${decoder.encoding} ${decoder.decode(Uint8Array.from(bytes))}`
      })
    },
    expected: [
      "utf-8 ü",
      "utf-16le ü",
      "utf-16be ü",
      "windows-1252 €ü",
      "ibm866 А",
      "koi8-r а",
      "windows-1251 А",
      "iso-8859-2 ą",
      "windows-874 ก",
      "macintosh Ä",
      "x-user-defined \uf780",
      "gbk 中",
      "gb18030 \u0080",
      "big5 中",
      "euc-jp あ",
      "shift_jis あ",
      "iso-2022-jp あ",
      "euc-kr 가"
    ]
  },
  {
    name: "labels that are none, and bytes that are wrong",
    run: async ({ threw }) => {
      const fatal = new TextDecoder("utf-8", { fatal: true })
      const told = (error: unknown): string => (error as { code: string }).code
      const code = (run: () => unknown): string => {
        try {
          return String(run())
        } catch (error) {
          return told(error)
        }
      }
      return [
        await threw(() => new TextDecoder("nope" as "utf-8")),
        await threw(() => new TextDecoder("replacement" as "utf-8")),
        await threw(() => new TextDecoder("\u0130so-8859-2" as "utf-8")),
        code(() => new TextDecoder("nope" as "utf-8")),
        await threw(() => fatal.decode(Uint8Array.of(0xc3))),
        code(() => fatal.decode(Uint8Array.of(0xff))),
        fatal.decode(Uint8Array.of(0x61)),
        await threw(() => fatal.decode("a" as never)),
        await threw(() =>
          new TextDecoder("shift_jis" as "utf-8", { fatal: true }).decode(Uint8Array.of(0x82))
        )
      ]
    },
    expected: [
      "RangeError",
      "RangeError",
      "RangeError",
      "ERR_ENCODING_NOT_SUPPORTED",
      "TypeError",
      "ERR_ENCODING_INVALID_ENCODED_DATA",
      "a",
      "TypeError",
      "TypeError"
    ]
  },
  {
    name: "encoding: lone surrogates, encodeInto to the last whole character, nothing to a detached one",
    run: () => {
      const encoder = new TextEncoder()
      const into = new Uint8Array(4)
      const gone = new Uint8Array(2)
      structuredClone(gone.buffer, { transfer: [gone.buffer] })
      return [
        [...encoder.encode("a\ud800")],
        encoder.encodeInto("aü€", into),
        [...into],
        encoder.encodeInto("x", gone),
        new TextDecoder().decode(gone)
      ]
    },
    expected: [
      [0x61, 0xef, 0xbf, 0xbd],
      { read: 2, written: 3 },
      [0x61, 0xc3, 0xbc, 0],
      { read: 0, written: 0 },
      ""
    ]
  },
  {
    name: "base64 of strings: what is no byte, what is no base64, and no argument at all",
    run: async ({ threw }) => [
      btoa("\xff\0"),
      btoa(null as never),
      atob(" /w A=\n").length,
      await threw(() => btoa("€")),
      await threw(() => atob("a")),
      await threw(() => (btoa as () => string)()),
      await threw(() => (atob as () => string)())
    ],
    expected: [
      "/wA=",
      "bnVsbA==",
      2,
      "InvalidCharacterError",
      "InvalidCharacterError",
      "TypeError",
      "TypeError"
    ]
  },
  {
    name: "streams: characters cut anywhere, halves of pairs",
    run: async ({ from }) => {
      const text = "aü€😀"
      const bytes = new TextEncoder().encode(text)
      const decoded = from(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))).pipeThrough(
        new TextDecoderStream() as unknown as ReadableWritablePair<string, unknown>
      )
      let back = ""
      for await (const piece of decoded as unknown as AsyncIterable<string>) back += piece
      const encoded = from(["a\ud83d", "\ude00", "\ud800"]).pipeThrough(
        new TextEncoderStream() as unknown as ReadableWritablePair<Uint8Array, unknown>
      )
      const out: Array<number> = []
      for await (const piece of encoded as unknown as AsyncIterable<Uint8Array>) out.push(...piece)
      return [back === text, out]
    },
    expected: [true, [0x61, 0xf0, 0x9f, 0x98, 0x80, 0xef, 0xbf, 0xbd]]
  }
]

runCases("encoding", cases)

const decodesBundle = `export default async (request) => {
  const [label, chunks, options] = await request.json()
  try {
    const decoder = new TextDecoder(label, options)
    let text = ""
    chunks.forEach((chunk, at) => {
      text += decoder.decode(Uint8Array.from(chunk), { stream: at + 1 < chunks.length })
    })
    return Response.json({ text })
  } catch (error) {
    return Response.json({ error: error.name })
  }
}`

describe.each(nativeRuntime)("decoding on %s", (runtime) => {
  let worker: WorkerUnderTest
  beforeAll(async () => {
    worker = await WorkerUnderTest.start(runtime, decodesBundle)
  })
  afterAll(() => worker.stop())

  const labels = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "gb18030",
    "big5",
    "euc-jp",
    "iso-2022-jp",
    "shift_jis"
  ]
  // bytes that begin, continue and break sequences of these encodings
  const telling = fc.constantFrom(
    0x1b,
    0x24,
    0x28,
    0x42,
    0x4a,
    0x30,
    0xc3,
    0xe0,
    0xed,
    0xa0,
    0xf0,
    0xf4,
    0x90,
    0xd8,
    0xdc,
    0xef,
    0xbb,
    0xbf
  )
  const byte = fc.oneof(telling, fc.integer({ min: 0, max: 255 }))
  const chunks = fc.array(fc.array(byte, { maxLength: 5 }), { maxLength: 6 })

  it("any bytes, however cut, are decoded as Bun decodes them", async () => {
    const options = fc.record({ fatal: fc.boolean(), ignoreBOM: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...labels), chunks, options, async (label, pieces, how) => {
        const told = await worker.json("/", { method: "POST", body: JSON.stringify([label, pieces, how]) })
        let expected: unknown
        try {
          const decoder = new TextDecoder(label as "utf-8", how)
          const all = pieces.map((piece, at) =>
            decoder.decode(Uint8Array.from(piece), { stream: at + 1 < pieces.length })
          )
          expected = { text: all.join("") }
        } catch (error) {
          expected = { error: (error as Error).name }
        }
        expect(told).toEqual(expected)
      }),
      { numRuns: 1_000 }
    )
  })
})
