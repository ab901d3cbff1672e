/**
 * The built-ins that the session works with once user code runs, taken before it loads: a function that replaces
 * `JSON.stringify` or `Map.prototype.get` harms itself only.
 */
export const { stringify } = JSON
export const { apply } = Reflect
export const { isArray } = Array
export const { isInteger } = Number
export const { defineProperty, keys } = Object
export const NativeError = Error
export const NativeDOMException = DOMException
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
