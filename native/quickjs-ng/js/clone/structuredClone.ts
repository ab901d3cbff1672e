import { native } from "bunbase:core"
import { isObject } from "../webidl/isObject.ts"

/**
 * HTML standard, 2.7: serialise and deserialise in one pass, within one realm. The memory is that of the copy; a value that
 * nests too deep fails as any other recursion does.
 */

const { getPrototypeOf: prototypeOf, getOwnPropertyDescriptor: descriptorOf, hasOwn } = Object
const toStringOf = String.prototype.toString
const typedArrayKeys = (prototypeOf(Uint8Array.prototype) as Uint8Array).keys

const refuse = (what: string): never => {
  throw new DOMException(`${what} could not be cloned.`, "DataCloneError")
}

/** The errors that keep their type; any other becomes a plain Error. */
const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError
}

/** Classes of the library whose instances can be cloned, by `Symbol.toStringTag`: the segment and its export that does it. */
const CLONERS: Readonly<Record<string, readonly [string, string]>> = {
  Blob: ["files", "cloneBlob"],
  File: ["files", "cloneBlob"],
  CryptoKey: ["crypto", "copyKey"]
}

type Memory = Map<object, object>

const TYPED_ARRAYS: Readonly<
  Record<string, new (buffer: ArrayBuffer, offset: number, length?: number) => object>
> = Object.fromEntries(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    ...(typeof Float16Array === "function" ? [Float16Array] : []),
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
    DataView
  ].map((type) => [type.name, type as never])
)

const cloneBuffer = (buffer: ArrayBuffer, memory: Memory): ArrayBuffer => {
  if (buffer.detached) return refuse("A detached ArrayBuffer")
  let copy: ArrayBuffer
  if (buffer.resizable) {
    copy = new ArrayBuffer(buffer.byteLength, { maxByteLength: buffer.maxByteLength })
    new Uint8Array(copy).set(new Uint8Array(buffer))
  } else copy = ArrayBuffer.prototype.slice.call(buffer, 0)
  memory.set(buffer, copy)
  return copy
}

const cloneView = (view: ArrayBufferView, kind: string, memory: Memory): object => {
  const { buffer } = view
  // Reading a DataView that has gone out of its buffer's bounds throws a TypeError, and so does iterating a typed array
  // that has; the standard wants another error.
  let length: number | undefined
  let offset: number
  try {
    if (kind !== "DataView") Reflect.apply(typedArrayKeys, view, [])
    offset = view.byteOffset
    length = kind === "DataView" ? view.byteLength : (view as Uint8Array).length
  } catch {
    return refuse("A view out of its buffer's bounds")
  }
  const copied = clone(buffer, memory) as ArrayBuffer
  const Type = TYPED_ARRAYS[kind]
  if (Type === undefined) return refuse("A view of an unknown kind")
  const tracksLength = buffer instanceof ArrayBuffer && buffer.resizable && isLengthTracking(view)
  const copy = tracksLength ? new Type(copied, offset) : new Type(copied, offset, length)
  memory.set(view, copy)
  return copy
}

/** Whether a view of a resizable buffer grows with it: it does if it ends where the buffer ends and a longer one would not fit. */
const isLengthTracking = (view: ArrayBufferView): boolean => {
  const buffer = view.buffer as ArrayBuffer
  if (buffer.maxByteLength === buffer.byteLength) return false
  const before = view.byteLength
  const size = buffer.byteLength
  try {
    buffer.resize(Math.min(buffer.maxByteLength, size + 8))
    return view.byteLength !== before
  } catch {
    return false
  } finally {
    buffer.resize(size)
  }
}

const cloneError = (error: Error, memory: Memory): Error => {
  const { name } = error as { readonly name: unknown }
  const text = name === undefined ? "Error" : `${name as string}`
  const Type = hasOwn(ERRORS, text) ? (ERRORS[text] as ErrorConstructor) : Error
  const made = new Type()
  memory.set(error, made)
  const message = descriptorOf(error, "message")
  if (message !== undefined && "value" in message) {
    Object.defineProperty(made, "message", {
      value: `${message.value as string}`,
      writable: true,
      enumerable: false,
      configurable: true
    })
  } else delete (made as { message?: string }).message
  const { stack } = error
  Object.defineProperty(made, "stack", {
    value: typeof stack === "string" ? stack : "",
    writable: true,
    enumerable: false,
    configurable: true
  })
  if (hasOwn(error, "cause")) {
    Object.defineProperty(made, "cause", {
      value: clone(error.cause, memory),
      writable: true,
      enumerable: false,
      configurable: true
    })
  }
  return made
}

const cloneMap = (map: Map<unknown, unknown>, memory: Memory): object => {
  const copy = new Map<unknown, unknown>()
  memory.set(map, copy)
  const entries = [...(Map.prototype.entries.call(map) as Iterable<[unknown, unknown]>)]
  for (const [key, value] of entries) copy.set(clone(key, memory), clone(value, memory))
  return copy
}

const cloneSet = (set: Set<unknown>, memory: Memory): object => {
  const copy = new Set<unknown>()
  memory.set(set, copy)
  const values = [...(Set.prototype.values.call(set) as Iterable<unknown>)]
  for (const value of values) copy.add(clone(value, memory))
  return copy
}

const cloneProperties = (from: object, to: object, memory: Memory): object => {
  memory.set(from, to)
  for (const key of Object.keys(from)) {
    // a getter that ran before may have taken it away
    if (!hasOwn(from, key)) continue
    Object.defineProperty(to, key, {
      value: clone((from as Record<string, unknown>)[key], memory),
      writable: true,
      enumerable: true,
      configurable: true
    })
  }
  return to
}

const remembered = (value: object, copy: object, memory: Memory): object => {
  memory.set(value, copy)
  return copy
}

const clonePlatform = (value: object, memory: Memory): object | null => {
  const tag = (value as Record<symbol, unknown>)[Symbol.toStringTag]
  if (typeof tag !== "string") return null
  const cloner = hasOwn(CLONERS, tag) ? CLONERS[tag] : undefined
  if (cloner === undefined) return null
  // Where there is an instance its segment has been loaded.
  const make = native.segment(cloner[0])[cloner[1]] as (value: object) => object | null
  const copy = make(value)
  return copy === null ? null : remembered(value, copy, memory)
}

/** Whether an object is one of the library's own classes, which cannot be cloned unless they say so. */
const isPlatformObject = (value: object): boolean => {
  for (
    let proto = prototypeOf(value) as object | null;
    proto !== null;
    proto = prototypeOf(proto) as object | null
  ) {
    const tag = descriptorOf(proto, Symbol.toStringTag)
    if (tag === undefined || tag.writable !== false || typeof tag.value !== "string") continue
    const global = descriptorOf(globalThis, tag.value)?.value as { readonly prototype?: unknown } | undefined
    if (global?.prototype === proto) return true
  }
  return false
}

const cloneObject = (value: object, memory: Memory): object => {
  if (typeof value === "function") return refuse("A function")
  const kind = native.className(value)
  switch (kind) {
    case "Boolean":
      return remembered(value, Object(Boolean.prototype.valueOf.call(value)) as object, memory)
    case "Number":
      return remembered(value, Object(Number.prototype.valueOf.call(value)) as object, memory)
    case "BigInt":
      return remembered(value, Object(BigInt.prototype.valueOf.call(value)) as object, memory)
    case "String":
      return remembered(value, Object(toStringOf.call(value)) as object, memory)
    case "Date":
      return remembered(value, new Date(Date.prototype.getTime.call(value)), memory)
    case "RegExp": {
      const { source, flags } = value as RegExp
      return remembered(value, new RegExp(source, flags), memory)
    }
    case "ArrayBuffer":
      return cloneBuffer(value as ArrayBuffer, memory)
    case "SharedArrayBuffer":
      return refuse("A SharedArrayBuffer")
    case "Map":
      return cloneMap(value as Map<unknown, unknown>, memory)
    case "Set":
      return cloneSet(value as Set<unknown>, memory)
    case "Error":
      return cloneError(value as Error, memory)
    case "DOMException": {
      const { name, message, stack } = value as DOMException
      const copy = new DOMException(message, name)
      Object.defineProperty(copy, "stack", { value: stack, writable: true, configurable: true })
      return remembered(value, copy, memory)
    }
    case "Array": {
      const copy: Array<unknown> = []
      copy.length = (value as Array<unknown>).length
      return cloneProperties(value, copy, memory)
    }
  }
  if (ArrayBuffer.isView(value)) return cloneView(value, kind, memory)
  const platform = clonePlatform(value, memory)
  if (platform !== null) return platform
  // Proxies too: whether it is one must not be told, but the standard refuses them.
  if (kind !== "Object" && kind !== "Arguments" && kind !== "Mapped Arguments") return refuse(`A ${kind}`)
  if (isPlatformObject(value)) return refuse("An object of the platform")
  return cloneProperties(value, {}, memory)
}

const clone = (value: unknown, memory: Memory): unknown => {
  if (typeof value === "symbol") return refuse("A symbol")
  if (!isObject(value)) return value
  return memory.get(value) ?? cloneObject(value, memory)
}

const transferList = (options: unknown): Array<ArrayBuffer> => {
  if (options === undefined || options === null) return []
  if (!isObject(options)) throw new TypeError("structuredClone: the options are not an object")
  const { transfer } = options as { readonly transfer?: unknown }
  if (transfer === undefined) return []
  if (!isObject(transfer)) throw new TypeError("structuredClone: transfer is not iterable")
  const list = [...(transfer as Iterable<unknown>)]
  for (const one of list) {
    if (!isObject(one)) throw new TypeError("structuredClone: transfer has an element that is not an object")
    if (native.className(one) !== "ArrayBuffer") refuse("An object that cannot be transferred")
  }
  if (new Set(list).size !== list.length) refuse("An ArrayBuffer that is transferred twice")
  return list as Array<ArrayBuffer>
}

/** HTML standard, 2.7.10. Throws a DataCloneError for what has no copy. */
export function structuredClone(value: unknown, options?: unknown): unknown {
  if (arguments.length === 0) throw new TypeError("structuredClone: a value is required")
  const transfer = transferList(options)
  for (const buffer of transfer) if (buffer.detached) refuse("A detached ArrayBuffer")
  // What is transferred is copied like the rest and detached at the end: within one realm nobody can tell it from a move,
  // and nothing is lost when something else turns out to have no copy.
  const copy = clone(value, new Map())
  for (const buffer of transfer) ArrayBuffer.prototype.transfer.call(buffer)
  return copy
}
