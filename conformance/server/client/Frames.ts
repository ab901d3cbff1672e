/** One frame of the socket protocol, in either direction; `code` is a command in a request and a status in an answer. */
export interface Frame {
  readonly id: bigint
  readonly code: number
  readonly payload: Uint8Array
}

/** Bytes before `length` begins to count, and those of a frame that are not its payload. */
const LENGTH_BYTES = 4
const HEAD_BYTES = 13
/** What `length` may be at most. */
export const MAX_LENGTH = 16 * 1024 * 1024

export interface FrameParts {
  readonly id: bigint
  readonly code: number
  readonly payload?: Uint8Array | string
  /** Instead of what is right. */
  readonly length?: number
  readonly payloadLength?: number
}

/** A frame's bytes: all integers little-endian. Lies about its lengths where it is told to. */
export const encodeFrame = ({ code, id, length, payload = "", payloadLength }: FrameParts): Buffer => {
  const body = Buffer.from(payload)
  const bytes = Buffer.alloc(LENGTH_BYTES + HEAD_BYTES + body.length)
  bytes.writeUInt32LE(length ?? HEAD_BYTES + body.length, 0)
  bytes.writeBigUInt64LE(id, 4)
  bytes.writeUInt8(code, 12)
  bytes.writeUInt32LE(payloadLength ?? body.length, 13)
  body.copy(bytes, LENGTH_BYTES + HEAD_BYTES)
  return bytes
}

/** What came is no frame. */
export class FrameFault extends Error {
  override readonly name = "FrameFault"
}

/** Reads frames from bytes, however they are cut. */
export class FrameReader {
  #chunks: Array<Uint8Array> = []
  #size = 0

  /** Bytes of a frame that is not whole. */
  get rest(): number {
    return this.#size
  }

  /** The frames that are whole now; throws `FrameFault` at the first that is none. */
  push(chunk: Uint8Array): ReadonlyArray<Frame> {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    const frames: Array<Frame> = []
    for (let frame = this.#next(); frame !== null; frame = this.#next()) frames.push(frame)
    return frames
  }

  #next(): Frame | null {
    if (this.#size < LENGTH_BYTES) return null
    const length = this.#joined(LENGTH_BYTES).readUInt32LE(0)
    if (length < HEAD_BYTES) throw new FrameFault(`a frame of ${length} bytes has no room for its head`)
    if (length > MAX_LENGTH) throw new FrameFault(`a frame of ${length} bytes is over the limit`)
    const whole = LENGTH_BYTES + length
    if (this.#size < whole) return null
    const bytes = this.#joined(whole)
    const payloadLength = bytes.readUInt32LE(13)
    if (payloadLength !== length - HEAD_BYTES) {
      throw new FrameFault(`payload_length is ${payloadLength} in a frame whose length is ${length}`)
    }
    this.#size -= whole
    this.#chunks = this.#size === 0 ? [] : [bytes.subarray(whole)]
    return { id: bytes.readBigUInt64LE(4), code: bytes.readUInt8(12), payload: bytes.subarray(17, whole) }
  }

  /** The bytes in one piece once there are so many. */
  #joined(least: number): Buffer {
    const [first] = this.#chunks
    if (this.#chunks.length > 1 && (first?.length ?? 0) < least) this.#chunks = [Buffer.concat(this.#chunks)]
    const bytes = this.#chunks[0] ?? new Uint8Array(0)
    if (bytes.length < this.#size && this.#chunks.length > 1) return this.#all()
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  #all(): Buffer {
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = [bytes]
    return bytes
  }
}
