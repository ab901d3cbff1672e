/**
 * The socket protocol's frame. All integers are little-endian.
 *
 * ```
 * u32 length           of everything that follows, at most 16 MiB
 * u64 request_id       chosen by the client; the answer bears the same
 * u8  command          in a request; in an answer: status
 * u32 payload_length   = length - 13
 *     payload          JSON, UTF-8; may be empty
 * ```
 */

/** What the length field itself takes. */
export const LENGTH_BYTES = 4
/** request_id, command and payload_length: the least that `length` can say. */
export const HEADER_BYTES = 13
/** Everything before the payload. */
export const PREFIX_BYTES = LENGTH_BYTES + HEADER_BYTES
/** The most that `length` can say. */
export const MAX_LENGTH = 16 * 1024 * 1024
export const MAX_PAYLOAD_BYTES = MAX_LENGTH - HEADER_BYTES

export interface Frame {
  /** 0 to 2⁶⁴−1. A number cannot hold them all. */
  readonly requestId: bigint
  /** The command of a request, the status of an answer: 0 to 255. */
  readonly kind: number
  readonly payload: Uint8Array
}

/**
 * The bytes of one frame, or null where the payload is larger than a frame can carry. Text is written as UTF-8 (a lone
 * surrogate as U+FFFD). Ids are taken modulo 2⁶⁴.
 */
export const encodeFrame = (
  requestId: bigint,
  kind: number,
  payload: string | Uint8Array,
  maxLength: number = MAX_LENGTH
): Uint8Array | null => {
  // A string of more UTF-16 units than that has at least as many bytes: no need to count.
  if (payload.length + HEADER_BYTES > maxLength) return null
  const size = typeof payload === "string" ? Buffer.byteLength(payload) : payload.length
  const length = HEADER_BYTES + size
  if (length > maxLength) return null
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + length)
  frame.writeUInt32LE(length, 0)
  frame.writeBigUInt64LE(BigInt.asUintN(64, requestId), LENGTH_BYTES)
  frame.writeUInt8(kind, 12)
  frame.writeUInt32LE(size, 13)
  if (typeof payload === "string") frame.write(payload, PREFIX_BYTES, size, "utf8")
  else frame.set(payload, PREFIX_BYTES)
  return frame
}
