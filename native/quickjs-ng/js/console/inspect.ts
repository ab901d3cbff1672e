import { getPrototypeOf as prototypeOf, native } from "bunbase:core"
import { isObject } from "../webidl/isObject.ts"
import { describeError } from "./describeError.ts"
import { webInterface } from "./webInterface.ts"

export interface InspectOptions {
  /** How deep objects are shown: below it only `[Object ...]`. */
  readonly depth?: number
}

/** The console's own depth, as in Bun. */
const DEPTH = 2
/** Elements of an array, entries of a Map or Set, keys of an object that are shown. */
const MAX_ELEMENTS = 100
const MAX_KEYS = 1_000
/** An array's elements go on in a new line beyond this many characters. */
const LINE = 80
/** The whole text of one value: what is beyond is cut, and the text says so. */
const MAX_CHARS = 1024 * 1024

const { ownKeys } = Reflect
const { getOwnPropertyDescriptor: descriptorOf, is: same } = Object
const isArray: (value: unknown) => value is Array<unknown> = Array.isArray
const stringify = JSON.stringify
const CUSTOM = Symbol.for("nodejs.util.inspect.custom")

const PLAIN_KEY = /^[A-Za-z_$][A-Za-z0-9_$]*$/

class TooLong extends Error {}

/** One walk through one value. */
class Inspection {
  readonly #depth: number
  readonly #path: Array<object> = []
  #chars = 0

  constructor(depth: number) {
    this.#depth = depth
  }

  /** `indent` is that of the line on which the value begins. */
  show(value: unknown, indent: string, level: number): string {
    const text = isObject(value) ? this.#object(value, indent, level) : primitive(value)
    this.#chars += text.length
    if (this.#chars > MAX_CHARS * 4) throw new TooLong()
    return text
  }

  #object(value: object, indent: string, level: number): string {
    if (this.#path.includes(value)) return "[Circular]"
    const proxied = native.proxyTarget(value)
    if (proxied !== null) {
      return isObject(proxied.target) ? this.#object(proxied.target, indent, level) : "[Revoked Proxy]"
    }
    const custom = (value as Record<symbol, unknown>)[CUSTOM]
    if (typeof custom === "function") {
      const shown: unknown = custom.call(value, this.#depth - level, {}, inspect)
      return typeof shown === "string" ? shown : this.show(shown, indent, level + 1)
    }
    this.#path.push(value)
    try {
      return this.#byClass(value, indent, level)
    } finally {
      this.#path.pop()
    }
  }

  #byClass(value: object, indent: string, level: number): string {
    if (typeof value === "function") return functionTitle(value)
    if (isArray(value)) return this.#array(value, indent, level)
    const kind = native.className(value)
    switch (kind) {
      case "Error":
        return this.#error(value as Error, indent, level)
      case "DOMException":
        return describeError(value as Error)
      case "Date":
        return dateText(value as Date)
      case "RegExp":
        return String(value)
      case "String":
        return stringify(String(value))
      case "Number":
      case "Boolean":
        return `[${kind}: ${String(value)}]`
      case "Arguments":
      case "Mapped Arguments":
        return this.#array([...(value as ArrayLike<unknown> & Iterable<unknown>)], indent, level)
      case "Map":
        return this.#map(value as Map<unknown, unknown>, indent, level)
      case "Set":
        return this.#set(value as Set<unknown>, indent, level)
      case "WeakMap":
      case "WeakSet":
      case "WeakRef":
        return `${kind} {}`
      case "Promise":
        return `Promise { <${stateName(value)}> }`
      case "ArrayBuffer":
      case "SharedArrayBuffer":
        return bytesText(kind, new Uint8Array(value as ArrayBuffer))
      case "DataView": {
        const view = value as DataView
        return bytesText(kind, new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
      }
    }
    if (ArrayBuffer.isView(value)) return bytesText(kind, value as unknown as ArrayLike<unknown>)
    const web = webInterface(value)
    if (web !== null) {
      return web(value, (inner, deeper) => this.show(inner, indent + deeper, level + 1), indent)
    }
    return this.#plain(value, indent, level)
  }

  #error(error: Error, indent: string, level: number): string {
    let text = describeError(error)
    const own = ownKeys(error).filter(
      (key) => descriptorOf(error, key)?.enumerable === true && key !== "cause" && key !== "stack"
    )
    for (const key of own) text += `\n ${keyText(key)}: ${this.#property(error, key, indent, level)},`
    const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown }
    if (isArray(errors)) {
      for (const one of errors.slice(0, MAX_ELEMENTS)) text += `\n\n${this.show(one, indent, level + 1)}`
    }
    if (cause !== undefined) text += `\n\n${this.show(cause, indent, level + 1)}`
    return text
  }

  #array(array: Array<unknown>, indent: string, level: number): string {
    const { length } = array
    const extra = keysOf(array).filter((key) => typeof key === "symbol" || !isIndex(key))
    if (length === 0 && extra.length === 0) return "[]"
    if (level > this.#depth) return "[Array ...]"
    const inner = `${indent}  `
    const parts: Array<string> = []
    let shown = 0
    let at = 0
    while (at < length && shown < MAX_ELEMENTS) {
      shown += 1
      if (at in array) {
        parts.push(this.show(array[at], inner, level + 1))
        at += 1
        continue
      }
      const from = at
      while (at < length && !(at in array)) at += 1
      parts.push(at - from === 1 ? "empty item" : `${at - from} x empty items`)
    }
    const rest = length - at
    for (const key of extra) parts.push(`${keyText(key)}: ${this.#property(array, key, inner, level)}`)
    return layOut(parts, isObject(array[0]) || length > 10, rest, indent)
  }

  #map(map: Map<unknown, unknown>, indent: string, level: number): string {
    if (map.size === 0) return "Map {}"
    if (level > this.#depth) return "[Map ...]"
    const inner = `${indent}  `
    const parts: Array<string> = []
    for (const [key, value] of Map.prototype.entries.call(map) as Iterable<[unknown, unknown]>) {
      if (parts.length === MAX_ELEMENTS) break
      parts.push(`${inner}${this.show(key, inner, level + 1)}: ${this.show(value, inner, level + 1)},\n`)
    }
    return `Map(${map.size}) {\n${parts.join("")}${more(map.size, inner)}${indent}}`
  }

  #set(set: Set<unknown>, indent: string, level: number): string {
    if (set.size === 0) return "Set {}"
    if (level > this.#depth) return "[Set ...]"
    const inner = `${indent}  `
    const parts: Array<string> = []
    for (const value of Set.prototype.values.call(set) as Iterable<unknown>) {
      if (parts.length === MAX_ELEMENTS) break
      parts.push(`${inner}${this.show(value, inner, level + 1)},\n`)
    }
    return `Set(${set.size}) {\n${parts.join("")}${more(set.size, inner)}${indent}}`
  }

  #plain(value: object, indent: string, level: number): string {
    const title = titleOf(value)
    const keys = visibleKeys(value)
    const prefix = title === "" ? "" : `${title} `
    if (keys.length === 0) return `${prefix}{}`
    if (level > this.#depth) return `[${title === "" ? "Object" : title} ...]`
    const inner = `${indent}  `
    let text = `${prefix}{\n`
    for (const key of keys.slice(0, MAX_KEYS)) {
      text += `${inner}${keyText(key)}: ${this.#property(value, key, inner, level)},\n`
    }
    if (keys.length > MAX_KEYS) text += `${inner}... ${keys.length - MAX_KEYS} more\n`
    return `${text}${indent}}`
  }

  #property(holder: object, key: string | symbol, indent: string, level: number): string {
    const found = findDescriptor(holder, key)
    if (found === undefined) return "undefined"
    if (found.get !== undefined) return found.set === undefined ? "[Getter]" : "[Getter/Setter]"
    if (found.set !== undefined) return "[Setter]"
    const { value } = found as { readonly value: unknown }
    // a method without a name of its own is called after its key
    if (typeof value === "function" && value.name === "") return functionTitle(value, String(key))
    return this.show(value, indent, level + 1)
  }
}

const more = (size: number, indent: string): string =>
  size > MAX_ELEMENTS ? `${indent}... ${size - MAX_ELEMENTS} more items\n` : ""

const isIndex = (key: string): boolean => `${Number(key) >>> 0}` === key

const primitive = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return stringify(value)
    case "bigint":
      return `${value}n`
    case "number":
      return same(value, -0) ? "-0" : `${value}`
    default:
      return String(value)
  }
}

const keyText = (key: string | symbol): string =>
  typeof key === "symbol" ? `[${String(key)}]` : PLAIN_KEY.test(key) ? key : stringify(key)

const keysOf = (value: object): Array<string | symbol> =>
  ownKeys(value).filter((key) => descriptorOf(value, key)?.enumerable === true)

/** Own enumerable keys, and what the prototypes up to the built-in ones define: inherited data and accessors of classes. */
const visibleKeys = (value: object): Array<string | symbol> => {
  const keys = new Set(keysOf(value).filter((key) => key !== Symbol.toStringTag))
  for (
    let proto = prototypeOf(value) as object | null;
    proto !== null &&
    proto !== Object.prototype &&
    native.className(proto) === "Object" &&
    keys.size < MAX_KEYS;
    proto = prototypeOf(proto) as object | null
  ) {
    for (const key of ownKeys(proto)) {
      const found = descriptorOf(proto, key)
      if (key === "constructor" || typeof key === "symbol" || found === undefined) continue
      if (found.enumerable === true || found.get !== undefined || found.set !== undefined) keys.add(key)
    }
  }
  return [...keys]
}

const findDescriptor = (value: object, key: string | symbol): PropertyDescriptor | undefined => {
  for (let holder: object | null = value; holder !== null; holder = prototypeOf(holder) as object | null) {
    const found = descriptorOf(holder, key)
    if (found !== undefined) return found
  }
  return undefined
}

/** The name that stands before the braces; empty for a plain object. */
const titleOf = (value: object): string => {
  const tag = (value as Record<symbol, unknown>)[Symbol.toStringTag]
  const proto = prototypeOf(value) as object | null
  if (proto === null) return "[Object: null prototype]"
  const maker = (proto as { readonly constructor?: { readonly name?: unknown } }).constructor
  const name = typeof maker === "function" && typeof maker.name === "string" ? maker.name : ""
  if (name !== "" && name !== "Object") return name
  return typeof tag === "string" && tag !== "" ? tag : ""
}

const functionTitle = (value: object, fallback = ""): string => {
  const source = Function.prototype.toString.call(value)
  const own = descriptorOf(value, "name")?.value as unknown
  const name = typeof own === "string" && own !== "" ? own : fallback
  if (source.startsWith("class")) return `[class ${name === "" ? "(anonymous)" : name}${heritage(value)}]`
  const kind = native.className(value).replace(/^(C|Bound)?Function.*$/i, "Function")
  const title = /^(Async)?(Generator)?Function$/.test(kind) ? kind : "Function"
  return name === "" ? `[${title}]` : `[${title}: ${name}]`
}

const heritage = (value: object): string => {
  const parent = prototypeOf(value) as { readonly name?: unknown } | null
  return typeof parent === "function" && typeof parent.name === "string" && parent.name !== ""
    ? ` extends ${parent.name}`
    : ""
}

const dateText = (date: Date): string => {
  const time = Date.prototype.getTime.call(date)
  return Number.isNaN(time) ? "Invalid Date" : new Date(time).toISOString()
}

const stateName = (promise: object): string => {
  const state = native.promiseState(promise)?.state
  return state === "fulfilled" ? "resolved" : (state ?? "pending")
}

const bytesText = (kind: string, elements: ArrayLike<unknown>): string => {
  const { length } = elements
  if (length === 0) return `${kind}(0) []`
  const parts: Array<string> = []
  // Bun shows typed arrays whole; here they are bounded like anything else
  const shown = Math.min(length, 5 * MAX_ELEMENTS)
  for (let i = 0; i < shown; i += 1) parts.push(primitive(elements[i]))
  if (length > shown) parts.push(`... ${length - shown} more`)
  return `${kind}(${length}) [ ${parts.join(", ")} ]`
}

/** An array's elements, broken into lines. */
const layOut = (
  parts: ReadonlyArray<string>,
  newLineFirst: boolean,
  rest: number,
  indent: string
): string => {
  const inner = `${indent}  `
  let text = newLineFirst ? `[\n${inner}` : "[ "
  let broken = newLineFirst
  let length = indent.length + 2
  parts.forEach((part, at) => {
    if (at > 0) {
      text += ","
      if (length > LINE) {
        text += `\n${inner}`
        broken = true
        length = indent.length + 2
      } else text += " "
    }
    text += part
    const lastLine = part.lastIndexOf("\n") + 1
    // like Bun, which does not count a string's quotation marks
    if (lastLine > 0) length = part.length - lastLine + 2
    else length += part.startsWith('"') ? part.length : part.length + 2
  })
  if (rest > 0) {
    text += `,\n${inner}... ${rest} more items`
    broken = true
  }
  return broken ? `${text}\n${indent}]` : `${text} ]`
}

/** A value as Bun's console shows it, without colours. Never throws. */
export const inspect = (value: unknown, options: InspectOptions = {}): string => {
  const { depth } = options
  try {
    const text = new Inspection(typeof depth === "number" && depth >= 0 ? depth : DEPTH).show(value, "", 0)
    return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}… (cut)` : text
  } catch {
    return `[${typeof value} that cannot be shown]`
  }
}
