/**
 * The built-ins that the session works with once user code runs, taken before it loads: a function that replaces
 * `JSON.stringify` or `Map.prototype.get` harms itself only.
 */
export const { stringify } = JSON
export const { apply } = Reflect
export const { isArray } = Array
export const { isInteger, isFinite } = Number
export const { defineProperty, getOwnPropertyDescriptor, keys } = Object
export const NativeError = Error
export const NativeTypeError = TypeError
export const NativeDOMException = DOMException
export const NativeUint8Array = Uint8Array
export const NativeArrayBuffer = ArrayBuffer
export const { isView } = ArrayBuffer
export const asString = String

const { then } = Promise.prototype
/** `promise.then`, whatever became of the prototype's. Both callbacks must not throw. */
export const whenSettled = (
  promise: Promise<unknown>,
  fulfilled: (value: unknown) => void,
  rejected: (reason: unknown) => void
): void => {
  apply(then, promise, [fulfilled, rejected])
}

const { get, set, has, delete: remove, clear, forEach } = Map.prototype
/** A Map whose methods are its own: replacing those of the prototype changes nothing here. */
export const hardenedMap = <Key, Value>(): Map<Key, Value> =>
  Object.assign(new Map<Key, Value>(), { get, set, has, delete: remove, clear, forEach })

/** A getter of a prototype. It throws when it is applied to anything but a real instance. */
export const getter = <Value>(prototype: object, name: string): ((this: unknown) => Value) => {
  const found = getOwnPropertyDescriptor(prototype, name)?.get
  if (found === undefined) throw new NativeError(`there is no getter "${name}"`)
  return found as (this: unknown) => Value
}
