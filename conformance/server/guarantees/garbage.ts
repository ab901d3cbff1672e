import { encodeFrame } from "../client/Frames.ts"

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
const randomFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const randomBytes = (random: () => number, length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, () => Math.floor(random() * 256)))

/** What is no HTTP, almost HTTP, and HTTP that lies. */
export const httpGarbage = (seed: number): ReadonlyArray<Buffer> => {
  const random = randomFrom(seed)
  const good = "POST /functions/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
  const texts = [
    "\r\n\r\n",
    "GET",
    "GET / HTTP/9.9\r\n\r\n",
    "GET  / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost a\r\n\r\n",
    "GET / HTTP/1.1\r\n: empty\r\n\r\n",
    "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    `GET /${"x".repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\n${"a: b\r\n".repeat(20_000)}\r\n`,
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\u0016\u0003\u0001\u0002\u0000\u0001\u0000"
  ]
  return [
    ...texts.map((text) => Buffer.from(text, "latin1")),
    ...[1, 17, 300, 5_000, 200_000].map((length) => randomBytes(random, length)),
    // a good request with one byte that is another, or cut off anywhere
    ...Array.from({ length: 20 }, () => {
      const bytes = Buffer.from(good)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      return bytes
    }),
    ...Array.from({ length: 10 }, () => Buffer.from(good).subarray(0, Math.floor(random() * good.length)))
  ]
}

/** What is no frame, almost one, and frames that lie about their lengths. */
export const socketGarbage = (seed: number): ReadonlyArray<Buffer> => {
  const random = randomFrom(seed)
  const good = encodeFrame({ id: 1n, code: 0x01, payload: '{"function_id":"there-is-none"}' })
  return [
    Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    encodeFrame({ id: 1n, code: 0x11, length: 0 }),
    encodeFrame({ id: 1n, code: 0x11, length: 12 }),
    encodeFrame({ id: 1n, code: 0x11, length: 0xff_ff_ff_ff }),
    encodeFrame({ id: 1n, code: 0x11, length: 16 * 1024 * 1024 + 1 }),
    encodeFrame({ id: 1n, code: 0x11, payloadLength: 0xff_ff_ff_ff }),
    encodeFrame({ id: 1n, code: 0x01, payload: Buffer.alloc(1000, 0xff) }),
    encodeFrame({ id: 1n, code: 0x01, payload: "[".repeat(200_000) }),
    encodeFrame({ id: 2n ** 64n - 1n, code: 0xff, payload: "{}" }),
    ...[1, 3, 17, 300, 5_000, 200_000].map((length) => randomBytes(random, length)),
    ...Array.from({ length: 20 }, () => {
      const bytes = Buffer.from(good)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      return bytes
    }),
    ...Array.from({ length: 10 }, () => good.subarray(0, Math.floor(random() * good.length)))
  ]
}
