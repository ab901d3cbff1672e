import { bytesOfSource } from "../webidl/bytes.ts"

const sharedLength =
  typeof SharedArrayBuffer === "undefined"
    ? undefined
    : Object.getOwnPropertyDescriptor(SharedArrayBuffer.prototype, "byteLength")?.get

const isShared = (value: unknown): value is ArrayBuffer => {
  if (sharedLength === undefined || typeof value !== "object" || value === null) return false
  try {
    Reflect.apply(sharedLength, value, [])
    return true
  } catch {
    return false
  }
}

/** WebIDL's AllowSharedBufferSource, not copied; a detached one is empty. Throws TypeError for anything else. */
export const bytesOf = (input: unknown, what: string): Uint8Array => {
  if (ArrayBuffer.isView(input) && (input.buffer as ArrayBuffer).detached) return new Uint8Array(0)
  const bytes = isShared(input) ? new Uint8Array(input) : bytesOfSource(input)
  if (bytes === null) throw new TypeError(`${what}: the input is not an ArrayBuffer or a view of one`)
  return bytes
}

/** Both after one another. */
export const joined = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(first.length + second.length)
  whole.set(first)
  whole.set(second, first.length)
  return whole
}
