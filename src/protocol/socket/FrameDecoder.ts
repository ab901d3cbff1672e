import { Data } from "effect"
import { type Frame, HEADER_BYTES, LENGTH_BYTES, MAX_LENGTH, PREFIX_BYTES } from "./Frame.ts"

/** A peer broke the framing: nothing that follows on this connection can be understood. */
export class FrameViolation extends Data.TaggedError("FrameViolation")<{
  readonly kind: "length_too_small" | "length_too_large" | "payload_length_mismatch" | "truncated"
  /** The frame's request id, where its bytes came; whoever sent it can then be told. */
  readonly requestId: bigint | null
  readonly reason: string
}> {
  override get message() {
    return this.reason
  }
}

export interface FrameEvents {
  /**
   * A frame with a payload begins; false: nothing of it is kept, and `frame` is not called for it. Left out, all are kept.
   */
  readonly admit?: (requestId: bigint, payloadLength: number) => boolean
  /** A whole frame. Its payload is only valid during the call. */
  readonly frame: (frame: Frame) => void
  /** The framing is broken. Reported once; nothing is reported after it. */
  readonly violation: (violation: FrameViolation) => void
}

/** Enough for most frames that come in pieces; larger ones grow as their bytes arrive, not as their length claims. */
const FIRST_BODY_BYTES = 16 * 1024

/**
 * Cuts a byte stream into frames, however it was chunked. It holds at most one unfinished frame, and never more than twice
 * the bytes of it that have come: a length that promises 16 MiB costs nothing until they are sent.
 */
export class FrameDecoder {
  readonly #events: FrameEvents
  readonly #maxLength: number
  readonly #prefix = new Uint8Array(PREFIX_BYTES)
  readonly #prefixView = new DataView(this.#prefix.buffer)
  #prefixSize = 0
  #body: Uint8Array | null = null
  #bodySize = 0
  #bodyLength = 0
  #requestId = 0n
  #kind = 0
  #inBody = false
  /** The payload that comes is not wanted. */
  #skipping = false
  #held = false
  #dead = false

  constructor(events: FrameEvents, maxLength: number = MAX_LENGTH) {
    this.#events = events
    this.#maxLength = maxLength
  }

  /** Some bytes of a frame came and others are still to come. */
  get midFrame(): boolean {
    return this.#prefixSize > 0 || this.#inBody
  }

  /** Memory that is kept for the unfinished frame. */
  get bufferedBytes(): number {
    return this.#prefixSize + (this.#body?.length ?? 0)
  }

  /** A violation was reported, or `stop` called. */
  get dead(): boolean {
    return this.#dead
  }

  /** To be called from within `frame` or `admit`: `push` returns after it, and the rest of the chunk is the caller's. */
  hold(): void {
    this.#held = true
  }

  /** Takes no further bytes. */
  stop(): void {
    this.#dead = true
    this.#forget()
  }

  /** Takes bytes; the answer is how many were used: all of them, unless `hold` or `stop` was called or the framing broke. */
  push(chunk: Uint8Array): number {
    this.#held = false
    let at = 0
    while (at < chunk.length && !this.#held && !this.#dead) {
      at = this.#inBody ? this.#fillBody(chunk, at) : this.#fillPrefix(chunk, at)
    }
    return at
  }

  /** The stream ended: in the middle of a frame that is a violation. */
  end(): void {
    if (this.#dead || !this.midFrame) return
    this.#violate(
      "truncated",
      this.#inBody ? this.#requestId : this.#idInPrefix(),
      "the stream ended within a frame"
    )
  }

  #fillPrefix(chunk: Uint8Array, from: number): number {
    let at = from
    // What is needed next depends on what is there: a length that is wrong is reported with the id, once that has come.
    for (;;) {
      const needed = this.#neededPrefix()
      if (this.#prefixSize >= needed) break
      const end = Math.min(chunk.length, at + needed - this.#prefixSize)
      for (; at < end; at++) this.#prefix[this.#prefixSize++] = chunk[at] as number
      if (this.#prefixSize < needed) return at
    }
    const length = this.#prefixView.getUint32(0, true)
    if (length < HEADER_BYTES) {
      this.#violate(
        "length_too_small",
        this.#idInPrefix(),
        `a frame's length is at least ${HEADER_BYTES}, not ${length}`
      )
      return at
    }
    if (length > this.#maxLength) {
      this.#violate(
        "length_too_large",
        this.#idInPrefix(),
        `a frame's length is at most ${this.#maxLength} bytes, not ${length}`
      )
      return at
    }
    this.#requestId = this.#prefixView.getBigUint64(LENGTH_BYTES, true)
    this.#kind = this.#prefix[12] as number
    const payloadLength = this.#prefixView.getUint32(13, true)
    if (payloadLength !== length - HEADER_BYTES) {
      this.#violate(
        "payload_length_mismatch",
        this.#requestId,
        `payload_length is ${payloadLength}, but a frame of length ${length} has a payload of ${length - HEADER_BYTES}`
      )
      return at
    }
    this.#prefixSize = 0
    this.#bodyLength = payloadLength
    this.#bodySize = 0
    if (payloadLength === 0) this.#emit(EMPTY)
    else {
      this.#inBody = true
      this.#skipping = this.#events.admit?.(this.#requestId, payloadLength) === false
    }
    return at
  }

  /** How many bytes of the prefix have to be there before anything can be said. */
  #neededPrefix(): number {
    if (this.#prefixSize < LENGTH_BYTES) return LENGTH_BYTES
    const length = this.#prefixView.getUint32(0, true)
    if (length >= HEADER_BYTES && length <= this.#maxLength) return PREFIX_BYTES
    return length < 8 ? LENGTH_BYTES : LENGTH_BYTES + 8
  }

  #idInPrefix(): bigint | null {
    return this.#prefixSize < LENGTH_BYTES + 8 ? null : this.#prefixView.getBigUint64(LENGTH_BYTES, true)
  }

  #fillBody(chunk: Uint8Array, from: number): number {
    const missing = this.#bodyLength - this.#bodySize
    const end = Math.min(chunk.length, from + missing)
    if (this.#skipping) {
      this.#bodySize += end - from
      this.#inBody = end - from < missing
      return end
    }
    if (this.#bodySize === 0 && end - from === missing) {
      // The common case: the whole payload lies in one chunk and is not copied.
      this.#inBody = false
      this.#emit(chunk.subarray(from, end))
      return end
    }
    const body = this.#room(this.#bodySize + end - from)
    body.set(chunk.subarray(from, end), this.#bodySize)
    this.#bodySize += end - from
    if (this.#bodySize === this.#bodyLength) {
      const payload = body.subarray(0, this.#bodyLength)
      this.#body = null
      this.#inBody = false
      this.#emit(payload)
    }
    return end
  }

  #room(size: number): Uint8Array {
    const current = this.#body
    if (current !== null && current.length >= size) return current
    const grown = new Uint8Array(
      Math.min(this.#bodyLength, Math.max(FIRST_BODY_BYTES, size, (current?.length ?? 0) * 2))
    )
    if (current !== null) grown.set(current.subarray(0, this.#bodySize))
    this.#body = grown
    return grown
  }

  #emit(payload: Uint8Array): void {
    this.#events.frame({ requestId: this.#requestId, kind: this.#kind, payload })
  }

  #violate(kind: FrameViolation["kind"], requestId: bigint | null, reason: string): void {
    this.#dead = true
    this.#forget()
    this.#events.violation(new FrameViolation({ kind, requestId, reason }))
  }

  #forget(): void {
    this.#prefixSize = 0
    this.#body = null
    this.#inBody = false
  }
}

const EMPTY = new Uint8Array(0)
