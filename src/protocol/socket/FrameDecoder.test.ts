import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { frameFixtures, kindOf, payloadOf } from "../../../tests/support/FrameFixtures.ts"
import { encodeFrame, type Frame, HEADER_BYTES } from "./Frame.ts"
import { FrameDecoder, type FrameViolation } from "./FrameDecoder.ts"

interface Seen {
  readonly frames: Array<Frame>
  readonly violations: Array<FrameViolation>
}

/** Feeds the chunks and keeps what came out; also checks the bound on memory after each. */
const decode = (chunks: ReadonlyArray<Uint8Array>, { end = true, maxLength = 1 << 24 } = {}): Seen => {
  const seen: Seen = { frames: [], violations: [] }
  const decoder = new FrameDecoder(
    {
      frame: (frame) => seen.frames.push({ ...frame, payload: new Uint8Array(frame.payload) }),
      violation: (violation) => seen.violations.push(violation)
    },
    maxLength
  )
  let fed = 0
  for (const chunk of chunks) {
    const used = decoder.push(chunk)
    if (!decoder.dead) expect(used).toBe(chunk.length)
    fed += chunk.length
    expect(decoder.bufferedBytes).toBeLessThanOrEqual(
      Math.min(maxLength + 4, Math.max(2 * fed, 16 * 1024) + 17)
    )
  }
  if (end) decoder.end()
  return seen
}

/** Cuts the bytes at the given places (taken modulo their number). */
const cut = (bytes: Uint8Array, places: ReadonlyArray<number>): Array<Uint8Array> => {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length))
}

const frameArbitrary = fc.record({
  requestId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  kind: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 80 })
})
const encodeAll = (frames: ReadonlyArray<Frame>): Uint8Array =>
  Buffer.concat(
    frames.map(({ kind, payload, requestId }) => encodeFrame(requestId, kind, payload) as Uint8Array)
  )

const everyByteAlone = (bytes: Uint8Array) =>
  Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))

describe("FrameDecoder", () => {
  it.each([...frameFixtures("valid"), ...frameFixtures("invalid")])(
    "reads the committed bytes, whole and byte by byte: $name",
    ({ bytes, expected }) => {
      const frames = expected.frames.map((frame) => ({
        requestId: BigInt(frame.request_id),
        kind: kindOf(frame),
        payload: payloadOf(frame)
      }))
      for (const chunks of [[bytes], everyByteAlone(bytes), cut(bytes, [1, 5, 13, 16, 17, 18])]) {
        const seen = decode(chunks)
        expect(seen.frames).toEqual(frames)
        expect(
          seen.violations.map(({ kind, requestId }) => ({
            kind,
            request_id: requestId === null ? null : String(requestId)
          }))
        ).toEqual(expected.violation === undefined ? [] : [expected.violation])
      }
    }
  )

  it("finds the same frames however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (frames, places) => {
          const seen = decode(cut(encodeAll(frames), places))
          expect(seen.violations).toEqual([])
          expect(seen.frames).toEqual(frames)
        }
      )
    )
  })

  it("finds the frames before garbage, and then at most one violation", () => {
    fc.assert(
      fc.property(
        fc.array(frameArbitrary, { maxLength: 4 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (frames, garbage, places) => {
          const seen = decode(cut(Buffer.concat([encodeAll(frames), garbage]), places), { maxLength: 4096 })
          expect(seen.frames.slice(0, frames.length)).toEqual(frames)
          expect(seen.violations.length).toBeLessThanOrEqual(1)
        }
      )
    )
  })

  it("gives the same answer to any bytes, whole or cut", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (bytes, places) => {
          // Small lengths, so that random bytes make frames now and then.
          const small = bytes.map((byte, index) => (index % 4 === 0 ? byte % 40 : index % 3 === 0 ? 0 : byte))
          const whole = decode([small], { maxLength: 64 })
          const parts = decode(cut(small, places), { maxLength: 64 })
          expect(parts.frames).toEqual(whole.frames)
          expect(parts.violations.map((one) => [one.kind, one.requestId])).toEqual(
            whole.violations.map((one) => [one.kind, one.requestId])
          )
        }
      )
    )
  })

  it("skips the frames that are not admitted, keeps nothing of them, and finds all the others", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(frameArbitrary, fc.boolean()), { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (list, places) => {
          const asked: Array<readonly [bigint, number]> = []
          const frames: Array<Frame> = []
          const withPayload = list.filter(([{ payload }]) => payload.length > 0)
          let skipping = false
          const decoder = new FrameDecoder({
            admit: (requestId, payloadLength) => {
              const admitted = withPayload[asked.length]?.[1] === true
              asked.push([requestId, payloadLength])
              skipping = !admitted
              return admitted
            },
            frame: (frame) => frames.push({ ...frame, payload: new Uint8Array(frame.payload) }),
            violation: ({ reason }) => expect.unreachable(reason)
          })
          for (const chunk of cut(encodeAll(list.map(([frame]) => frame)), places)) {
            decoder.push(chunk)
            // Of the next frame at most what is before its payload.
            expect(skipping ? decoder.bufferedBytes : 0).toBeLessThan(17)
          }
          expect(decoder.midFrame).toBe(false)
          expect(asked).toEqual(withPayload.map(([{ payload, requestId }]) => [requestId, payload.length]))
          expect(frames).toEqual(
            list.filter(([{ payload }, admitted]) => admitted || payload.length === 0).map(([frame]) => frame)
          )
        }
      )
    )
  })

  it("holds at a frame that is not admitted, in the middle of a chunk", () => {
    const seen: Array<string> = []
    const decoder: FrameDecoder = new FrameDecoder({
      admit: (requestId) => {
        seen.push(`refused ${requestId}`)
        decoder.hold()
        return false
      },
      frame: () => expect.unreachable(),
      violation: () => expect.unreachable()
    })
    const two = Buffer.concat([1n, 2n].map((id) => encodeFrame(id, 1, "{}") as Uint8Array))
    const used = decoder.push(two)
    expect(seen).toEqual(["refused 1"])
    expect(used).toBe(17)
    expect(decoder.midFrame).toBe(true)
    decoder.push(two.subarray(used))
    expect(seen).toEqual(["refused 1", "refused 2"])
  })

  it("reports once and takes nothing more", () => {
    const ping = encodeFrame(1n, 0x11, "") as Uint8Array
    const seen = decode([ping, Uint8Array.of(0, 0, 0, 0), ping, ping])
    expect(seen.frames).toHaveLength(1)
    expect(seen.violations.map((one) => one.kind)).toEqual(["length_too_small"])
  })

  it("waits for the request id before it reports a length", () => {
    const tooLong = Uint8Array.of(255, 255, 255, 255)
    expect(decode([tooLong, Uint8Array.of(1, 0, 0, 0, 0, 0, 0)], { end: false }).violations).toEqual([])
    const [reported] = decode([tooLong, Uint8Array.of(1, 0, 0, 0, 0, 0, 0), Uint8Array.of(9)], {
      end: false
    }).violations
    expect(reported).toMatchObject({ kind: "length_too_large", requestId: (9n << 56n) + 1n })
  })

  it("keeps memory for what came, not for what a length promises", () => {
    const decoder = new FrameDecoder({ frame: () => {}, violation: () => {} })
    const head = Buffer.alloc(17)
    head.writeUInt32LE(16 * 1024 * 1024, 0)
    head.writeUInt32LE(16 * 1024 * 1024 - HEADER_BYTES, 13)
    decoder.push(head)
    decoder.push(new Uint8Array(100))
    expect(decoder.midFrame).toBe(true)
    expect(decoder.bufferedBytes).toBeLessThanOrEqual(16 * 1024)
  })

  it("holds after the frame at which it was told to, and goes on with the rest", () => {
    const ids: Array<bigint> = []
    const decoder: FrameDecoder = new FrameDecoder({
      frame: ({ requestId }) => {
        ids.push(requestId)
        decoder.hold()
      },
      violation: () => {}
    })
    const stream = encodeAll(
      [1n, 2n, 3n].map((requestId) => ({ requestId, kind: 0x11, payload: new Uint8Array(0) }))
    )
    let rest = stream
    for (const last of [1n, 2n, 3n]) {
      rest = rest.subarray(decoder.push(rest))
      expect(ids.at(-1)).toBe(last)
    }
    expect(rest.length).toBe(0)
    expect(ids).toEqual([1n, 2n, 3n])
  })

  it("stops in the middle of a chunk", () => {
    let frames = 0
    const decoder: FrameDecoder = new FrameDecoder({
      frame: () => {
        frames += 1
        decoder.stop()
      },
      violation: () => expect.unreachable()
    })
    const ping = encodeFrame(1n, 0x11, "") as Uint8Array
    decoder.push(Buffer.concat([ping, ping]))
    decoder.push(ping)
    decoder.end()
    expect(frames).toBe(1)
  })
})
