import { descriptor } from "../webidl/primordials.ts"

/**
 * The built-ins that the session works with once user code runs, taken before it loads: a function that replaces
 * `JSON.stringify` or `Map.prototype.get` harms itself only.
 */
export const { stringify } = JSON
export const { apply } = Reflect
export const { isArray } = Array
export const { isInteger } = Number
export const { defineProperty, getPrototypeOf, keys, setPrototypeOf } = Object
export const NativeError = Error
export const NativeDOMException = DOMException
export const asString = String

const NativePromise = Promise
const { then } = NativePromise.prototype

/**
 * `promise.then`, whatever became of the prototype's. Throws where the function has spoilt what promises are made with;
 * then neither callback is called. Both must not throw.
 */
export const whenSettled = (
  promise: Promise<unknown>,
  fulfilled: (value: unknown) => void,
  rejected: (reason: unknown) => void
): void => {
  apply(then, promise, [fulfilled, rejected])
}

const NO_CONSTRUCTOR = descriptor({ value: undefined })

/** Like `whenSettled`, for a promise of our own that nobody else gets: then not even its constructor is looked up. */
export const whenOwnSettled = (
  promise: Promise<unknown>,
  fulfilled: (value: unknown) => void,
  rejected: (reason: unknown) => void
): void => whenSettled(defineProperty(promise, "constructor", NO_CONSTRUCTOR), fulfilled, rejected)

/** What `await` makes of a value: a promise of this realm is itself, anything else gets one around it. */
export const whenAwaited = (
  value: unknown,
  isPromise: boolean,
  fulfilled: (value: unknown) => void,
  rejected: (reason: unknown) => void
): void => {
  if (isPromise && (value as Promise<unknown>).constructor === NativePromise)
    whenSettled(value as Promise<unknown>, fulfilled, rejected)
  else whenOwnSettled(new NativePromise((resolve) => resolve(value)), fulfilled, rejected)
}
