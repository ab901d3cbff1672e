/**
 * The built-ins that the guest works with once user code runs, taken before it loads: a function that replaces
 * `JSON.stringify`, `Promise.prototype.then` or `Response` harms itself only. Methods are called through `apply`,
 * so that not even `Function.prototype.call` is looked up later.
 */
export const { parse, stringify } = JSON
export const { apply, construct, ownKeys } = Reflect
export const { isArray } = Array
export const { isInteger } = Number
export const { assign, create, defineProperty } = Object
export const { inspect, peek } = Bun
export const peekStatus = Bun.peek.status

export const NativeAbortController = AbortController
export const NativeDOMException = DOMException
export const NativeError = Error
export const NativeHeaders = Headers
export const NativeRequest = Request
export const NativeResponse = Response
export const NativeURLSearchParams = URLSearchParams
export const NativeUint8Array = Uint8Array
export const asString = String

const { call } = Function.prototype
/** Methods of strings as functions of their receiver: a loop that looked them up could be one that never ends. */
export const indexIn = call.bind(String.prototype.indexOf) as (
  text: string,
  what: string,
  from?: number
) => number
export const lastIndexIn = call.bind(String.prototype.lastIndexOf) as (text: string, what: string) => number
export const cut = call.bind(String.prototype.slice) as (text: string, from: number, to?: number) => string

const { getBuiltinModule, nextTick, exit, reallyExit } = process
const thisProcess = process
interface Modules {
  readonly "node:async_hooks": typeof import("node:async_hooks")
  readonly "node:stream": typeof import("node:stream")
  readonly "bun:ffi": typeof import("bun:ffi")
}
/** A module of the runtime, loaded when it is needed. */
export const builtin = <Name extends keyof Modules>(name: Name): Modules[Name] =>
  apply(getBuiltinModule, thisProcess, [name]) as Modules[Name]
export const soon = (run: () => void): void => apply(nextTick, thisProcess, [run])
/** Ends the process without running anything of the function's. */
export const exitNow = (code: number): never => apply(reallyExit, thisProcess, [code]) as never
/** Ends the process as `process.exit` does: what the function has for that moment runs, and cannot keep it from ending. */
export const exitProcess = (code: number): never => {
  try {
    apply(exit, thisProcess, [code])
  } catch {
    // it ends all the same
  }
  return exitNow(code)
}

/** A getter of a prototype. It throws when it is applied to anything but a real instance. */
const getter = <Value>(prototype: object, name: string): ((this: unknown) => Value) => {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get
  if (get === undefined) throw new Error(`this Bun has no getter "${name}"`)
  return get as (this: unknown) => Value
}

export const responseStatus = getter<number>(Response.prototype, "status")
export const responseHeaders = getter<Headers>(Response.prototype, "headers")
export const responseBodyUsed = getter<boolean>(Response.prototype, "bodyUsed")
export const responseBytes = Response.prototype.bytes
export const requestMethod = getter<string>(Request.prototype, "method")
export const headersForEach = Headers.prototype.forEach
export const headersAppend = Headers.prototype.append
export const headersSet = Headers.prototype.set
export const headersHas = Headers.prototype.has
export const abort = AbortController.prototype.abort
export const regExpExec = RegExp.prototype.exec
export const regExpTest = RegExp.prototype.test
export const bufferFrom: (text: string, encoding: "base64") => Buffer = Buffer.from
export const byteLength = Buffer.byteLength
export const toBase64 = Uint8Array.prototype.toBase64

const encoder = new TextEncoder()
const encode = TextEncoder.prototype.encode
export const utf8 = (text: string): Uint8Array => apply(encode, encoder, [text])

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lossy = new TextDecoder("utf-8", { ignoreBOM: true })
const decode = TextDecoder.prototype.decode
/** Throws when the bytes are not UTF-8. */
export const textOf = (bytes: Uint8Array): string => apply(decode, strict, [bytes])
/** Puts U+FFFD where the bytes are not UTF-8. */
export const lossyTextOf = (bytes: ArrayBufferView | ArrayBuffer): string => apply(decode, lossy, [bytes])

/** Prints on the process's real standard error, whatever became of `console`: the guest's own notes to its host. */
const printError = console.error
export const note = (text: string): void => apply(printError, console, [`bunbase guest: ${text}`])

/** Adds the methods of a Map to it as own properties: replacing them on the prototype then changes nothing here. */
export const hardenedMap = <Key, Value>(): Map<Key, Value> =>
  Object.assign(new Map<Key, Value>(), {
    get: Map.prototype.get,
    set: Map.prototype.set,
    has: Map.prototype.has,
    delete: Map.prototype.delete,
    clear: Map.prototype.clear,
    forEach: Map.prototype.forEach
  })
