import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeFrame, type Frame, FrameFault, FrameReader } from "./Frames.ts"

const frame: fc.Arbitrary<Frame> = fc.record({
  id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  code: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 40 })
})

const plain = ({ code, id, payload }: Frame) => ({ id, code, payload: [...payload] })

describe("frames", () => {
  it("are the same however their bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.nat(30)), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(encodeFrame))
        const reader = new FrameReader()
        const read: Array<Frame> = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          read.push(...reader.push(bytes.subarray(at, at + cut)))
          at = Math.min(bytes.length, at + cut)
        }
        expect(read.map(plain)).toStrictEqual(frames.map(plain))
        expect(reader.rest).toBe(0)
      })
    )
  })

  it("has the layout of the specification", () => {
    const bytes = encodeFrame({ id: 0x0102030405060708n, code: 0x11, payload: "{}" })
    expect(bytes.toHex()).toBe("0f0000000807060504030201" + "11" + "02000000" + "7b7d")
  })

  it.each([
    ["too short", encodeFrame({ id: 1n, code: 0, length: 12 })],
    ["too long", encodeFrame({ id: 1n, code: 0, length: 16 * 1024 * 1024 + 1 })],
    ["a payload of another length", encodeFrame({ id: 1n, code: 0, payload: "{}", payloadLength: 3 })]
  ])("%s is none", (_, bytes) => {
    expect(() => new FrameReader().push(bytes)).toThrow(FrameFault)
  })
})
