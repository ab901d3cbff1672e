/** Views and buffers as bytes. */

const { isView } = ArrayBuffer
const bufferTag = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get as () => number

/** Whether a value is an ArrayBuffer, of whatever realm. */
export const isArrayBuffer = (value: unknown): value is ArrayBuffer => {
  if (typeof value !== "object" || value === null) return false
  try {
    Reflect.apply(bufferTag, value, [])
    return true
  } catch {
    return false
  }
}

/** What a `BufferSource` holds, not copied; null for anything else. A detached one is empty. */
export const bytesOfSource = (value: unknown): Uint8Array | null => {
  if (isView(value)) {
    const buffer = value.buffer as ArrayBuffer
    return buffer.detached ? new Uint8Array(0) : new Uint8Array(buffer, value.byteOffset, value.byteLength)
  }
  if (isArrayBuffer(value)) return value.detached ? new Uint8Array(0) : new Uint8Array(value)
  return null
}

/** All of the pieces after one another. */
export const joinBytes = (pieces: ReadonlyArray<Uint8Array>, size: number): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
