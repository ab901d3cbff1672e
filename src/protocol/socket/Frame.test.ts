import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { frameFixtures, kindOf, payloadOf } from "../../../tests/support/FrameFixtures.ts"
import { encodeFrame, HEADER_BYTES, MAX_LENGTH, MAX_PAYLOAD_BYTES } from "./Frame.ts"
import { FrameDecoder } from "./FrameDecoder.ts"

const decodeOne = (bytes: Uint8Array, maxLength?: number) => {
  const frames: Array<{ requestId: bigint; kind: number; payload: Uint8Array }> = []
  const decoder = new FrameDecoder(
    {
      frame: (frame) => frames.push({ ...frame, payload: new Uint8Array(frame.payload) }),
      violation: (violation) => expect.unreachable(violation.reason)
    },
    maxLength
  )
  decoder.push(bytes)
  decoder.end()
  expect(frames).toHaveLength(1)
  return frames[0]
}

describe("encodeFrame", () => {
  it.each(frameFixtures("valid"))("writes the committed bytes: $name", ({ bytes, expected }) => {
    const written = expected.frames.map(
      (frame) => encodeFrame(BigInt(frame.request_id), kindOf(frame), payloadOf(frame)) ?? new Uint8Array()
    )
    expect(Buffer.concat(written).toString("hex")).toBe(Buffer.from(bytes).toString("hex"))
  })

  it("round-trips every request id, kind and payload", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ maxLength: 300 }),
        (requestId, kind, payload) => {
          const bytes = encodeFrame(requestId, kind, payload)
          expect(bytes).not.toBeNull()
          expect(decodeOne(bytes as Uint8Array)).toEqual({ requestId, kind, payload })
        }
      )
    )
  })

  it("writes text as UTF-8, and counts its bytes and not its characters", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const bytes = encodeFrame(1n, 1, text) as Uint8Array
        const payload = new TextEncoder().encode(text)
        expect(bytes.length).toBe(17 + payload.length)
        expect(decodeOne(bytes)?.payload).toEqual(payload)
      })
    )
  })

  it("takes exactly what a frame can carry", () => {
    const largest = encodeFrame(7n, 1, new Uint8Array(MAX_PAYLOAD_BYTES).fill(0x61)) as Uint8Array
    expect(largest.length).toBe(4 + MAX_LENGTH)
    expect(decodeOne(largest)?.payload.length).toBe(MAX_PAYLOAD_BYTES)
    expect(encodeFrame(7n, 1, new Uint8Array(MAX_PAYLOAD_BYTES + 1))).toBeNull()
    expect(encodeFrame(7n, 1, "a".repeat(MAX_PAYLOAD_BYTES + 1))).toBeNull()
    // 2 bytes each: fewer characters than fit, more bytes
    expect(encodeFrame(7n, 1, "ä".repeat(MAX_PAYLOAD_BYTES / 2 + 1))).toBeNull()
  })

  it("heeds a smaller bound", () => {
    expect(encodeFrame(1n, 1, "abc", HEADER_BYTES + 3)).not.toBeNull()
    expect(encodeFrame(1n, 1, "abcd", HEADER_BYTES + 3)).toBeNull()
  })
})
