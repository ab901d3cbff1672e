/**
 * What is done with bytes, by built-ins that are taken at the start and looked up on no prototype: in the guest, a function may
 * spoil what is found there. `subarray` would look a constructor up (Symbol.species), and is slower than a new view. No
 * dependencies.
 */
const { call } = Function.prototype
const getter = <Value>(name: string): ((bytes: Uint8Array) => Value) => {
  const shared = Object.getPrototypeOf(Uint8Array.prototype) as object
  const get = Object.getOwnPropertyDescriptor(shared, name)?.get as () => Value
  return call.bind(get) as (bytes: Uint8Array) => Value
}
const bufferOf = getter<ArrayBuffer>("buffer")
const offsetOf = getter<number>("byteOffset")

export const OwnUint8Array = Uint8Array
/** `bytes.length` */
export const lengthOf = getter<number>("length")
/** `bytes.indexOf(byte, from)` */
export const indexOf = call.bind(Uint8Array.prototype.indexOf) as (
  bytes: Uint8Array,
  byte: number,
  from: number
) => number
/** `bytes.set(other, at)` */
export const setAt = call.bind(Uint8Array.prototype.set) as (
  bytes: Uint8Array,
  other: Uint8Array,
  at: number
) => void
/** A view of the bytes from `start` to `end`, both of which have to be within them. */
export const part = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  new OwnUint8Array(bufferOf(bytes), offsetOf(bytes) + start, end - start)
