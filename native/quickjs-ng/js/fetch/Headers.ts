import { native } from "bunbase:core"
import { byteString, illegalInvocation, iteratorMethod, sequence, needArguments } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"
import { forEachPair, iteratesEntries, pairIterator } from "../webidl/pairIterator.ts"
import { more } from "./lazy.ts"
import { HeaderList, headerName, isHeaderValue, knownName, normalValue, type Pair } from "./HeaderList.ts"

// a function that replaces these harms only itself
const { ownKeys, getOwnPropertyDescriptor } = Reflect

/**
 * What may be changed. `request` and `response` forbid no names here: a server sets cookies and forwards hosts; what the
 * transport owns is left out when a request goes to the host (fetch/outgoing.ts).
 */
export type Guard = "none" | "request" | "request-no-cors" | "response" | "immutable"

export type HeadersInit = Headers | Iterable<Iterable<string>> | Readonly<Record<string, string>>

const { getOwnPropertySymbols, keys } = Object

/** Set by the class below. */
let listIn: (headers: Headers) => HeaderList
let isHeadersObject: (value: unknown) => value is Headers
let make: (list: HeaderList, guard: Guard) => Headers
/** Appends what a caller gave as `headers`. */
export let fillHeaders: (headers: Headers, init: unknown, what: string) => void

// Most names were seen before and most values are plain: then no conversion and one expression per pair.

const checkedName = (name: unknown, what: string): string => {
  const known = typeof name === "string" ? knownName(name) : undefined
  if (known !== undefined) return known
  const text = byteString(name, what)
  const lower = headerName(text)
  if (lower === null) throw new TypeError(`${what}: ${JSON.stringify(text)} is not a valid header name`)
  return lower
}

const checkedValue = (given: unknown, what: string): string => {
  if (typeof given === "string") {
    const value = normalValue(given)
    if (isHeaderValue(value)) return value
  }
  const value = normalValue(byteString(given, what))
  if (!isHeaderValue(value)) {
    throw new TypeError(`${what}: ${JSON.stringify(value)} is not a valid header value`)
  }
  return value
}

/** Fetch standard, 5.1. */
export class Headers {
  #list: HeaderList = new HeaderList()
  #guard: Guard = "none"

  static {
    listIn = (headers) => headers.#list
    isHeadersObject = (value): value is Headers => isObject(value) && #list in value
    make = (list, guard) => {
      const headers = new Headers()
      headers.#list = list
      headers.#guard = guard
      return headers
    }
    fillHeaders = (headers, init, what) => headers.#fill(init, what)
  }

  constructor(init?: HeadersInit) {
    if (init !== undefined) this.#fill(init, "Headers")
  }

  append(name: string, value: string): undefined {
    this.#check("append")
    needArguments(arguments.length, 2, "Headers.append")
    this.#append(name, value, "Headers.append")
  }

  delete(name: string): undefined {
    this.#check("delete")
    needArguments(arguments.length, 1, "Headers.delete")
    const lower = checkedName(name, "Headers.delete")
    if (!this.#mayChange("Headers.delete")) return
    if (this.#guard === "request-no-cors" && !more().mayDeleteNoCors(lower)) return
    this.#list.delete(lower)
  }

  get(name: string): string | null {
    this.#check("get")
    needArguments(arguments.length, 1, "Headers.get")
    return this.#list.get(checkedName(name, "Headers.get"))
  }

  getSetCookie(): Array<string> {
    this.#check("getSetCookie")
    return this.#list.all("set-cookie")
  }

  has(name: string): boolean {
    this.#check("has")
    needArguments(arguments.length, 1, "Headers.has")
    return this.#list.has(checkedName(name, "Headers.has"))
  }

  set(name: string, value: string): undefined {
    this.#check("set")
    needArguments(arguments.length, 2, "Headers.set")
    const what = "Headers.set"
    // both are converted before either is checked
    const text = typeof name === "string" ? name : byteString(name, what)
    const held = checkedValue(value, what)
    const lower = checkedName(text, what)
    if (!this.#mayChange(what)) return
    if (this.#guard === "request-no-cors" && !more().isNoCorsSafelisted(lower, held)) return
    this.#list.set(lower, held)
    this.#dropPrivileged()
  }

  forEach(
    callback: (value: string, name: string, headers: Headers) => void,
    thisArgument?: unknown
  ): undefined {
    this.#check("forEach")
    needArguments(arguments.length, 1, "Headers.forEach")
    forEachPair(this, () => this.#list.sorted(), callback, thisArgument, "Headers.forEach")
  }

  keys(): IterableIterator<string> {
    this.#check("keys")
    return iterate(this, "keys")
  }

  values(): IterableIterator<string> {
    this.#check("values")
    return iterate(this, "values")
  }

  entries(): IterableIterator<[string, string]> {
    this.#check("entries")
    return iterate(this, "entries")
  }

  declare [Symbol.iterator]: () => IterableIterator<[string, string]>

  #check(member: string): void {
    if (!isHeadersObject(this)) throw illegalInvocation(`Headers.${member}`)
  }

  #mayChange(what: string): boolean {
    if (this.#guard === "immutable") throw new TypeError(`${what}: these headers cannot be changed`)
    return true
  }

  #append(name: unknown, value: unknown, what: string): void {
    // both are converted before either is checked
    const text = typeof name === "string" ? name : byteString(name, what)
    const held = checkedValue(value, what)
    const lower = checkedName(text, what)
    this.#mayChange(what)
    if (this.#guard === "request-no-cors") {
      const before = this.#list.get(lower)
      if (!more().isNoCorsSafelisted(lower, before === null ? held : `${before}, ${held}`)) return
    }
    this.#list.append(lower, held)
    this.#dropPrivileged()
  }

  #dropPrivileged(): void {
    if (this.#guard === "request-no-cors") this.#list.delete("range")
  }

  #fill(init: unknown, what: string): void {
    if (!isObject(init)) {
      throw new TypeError(
        `${what}: headers are a Headers object, a list of pairs or a record, not ${typeof init}`
      )
    }
    const method = iteratorMethod(init, what)
    if (method === undefined) return this.#fillRecord(init, what)
    if (isHeadersObject(init) && method === HEADERS_ITERATOR) {
      for (const [name, value] of init.#list.sorted()) this.#append(name, value, what)
      return
    }
    const pairs = sequence(init, method, (item) => pairOf(item, what), what)
    for (const pair of pairs) {
      if (pair.length !== 2) {
        throw new TypeError(`${what}: a list of headers holds pairs, one item has ${pair.length} elements`)
      }
    }
    for (const [name, value] of pairs) this.#append(name, value, what)
  }

  #fillRecord(init: object, what: string): void {
    // of a plain object nobody can tell the order in which it is looked at
    if (native.proxyTarget(init) === null && getOwnPropertySymbols(init).length === 0) {
      const names = keys(init)
      const values: Array<string> = []
      for (const name of names) {
        const value = (init as Record<string, unknown>)[name]
        values.push(typeof value === "string" ? value : byteString(value, what))
      }
      for (let i = 0; i < names.length; i += 1) this.#append(names[i], values[i], what)
      return
    }
    this.#appendRecord(init, what)
  }

  #appendRecord(init: object, what: string): void {
    const pairs: Array<Pair> = []
    for (const key of ownKeys(init)) {
      const own = getOwnPropertyDescriptor(init, key)
      if (own === undefined || own.enumerable !== true) continue
      const name = byteString(key, what)
      pairs.push([name, byteString((init as Record<PropertyKey, unknown>)[key], what)])
    }
    for (const [name, value] of pairs) this.#append(name, value, what)
  }
}
describeInterface(Headers, "Headers", 0)
iteratesEntries(Headers.prototype)
const HEADERS_ITERATOR: unknown = Headers.prototype.entries
const iterate = pairIterator<Headers>("Headers", (headers) => listIn(headers).sorted())

const pairOf = (item: unknown, what: string): Array<string> => {
  const method = isObject(item) ? iteratorMethod(item, what) : undefined
  if (method === undefined) throw new TypeError(`${what}: a list of headers holds pairs`)
  return sequence(item as object, method, (part) => byteString(part, what), what)
}

/** The list behind a Headers object. */
export const headerList = (headers: Headers): HeaderList => listIn(headers)
export const isHeaders = (value: unknown): value is Headers => isHeadersObject(value)
export const makeHeaders = (list: HeaderList, guard: Guard): Headers => make(list, guard)
