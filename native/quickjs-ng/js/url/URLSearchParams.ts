import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"
import { needArguments, usvString } from "../webidl/convert.ts"
import { parseUrlencoded, serializeUrlencoded } from "./form.ts"
import { pairIterator } from "./indexedIterator.ts"

/** The parameters of a URL object: `changed` hears their text after each change. Set by the class below. */
let attach: (query: string, changed: (text: string) => void) => URLSearchParams
let refill: (params: URLSearchParams, query: string) => void
let listOf: (params: URLSearchParams) => Array<string>

const callMethod = (method: unknown, on: object): object => {
  if (typeof method !== "function") throw new TypeError("URLSearchParams: the value is not iterable")
  const result: unknown = Reflect.apply(method, on, [])
  if (!isObject(result)) throw new TypeError("URLSearchParams: the value's iterator is not an object")
  return result
}

/** An iterable whose method was looked up already, so that it is looked up once only, as WebIDL has it. */
const iterate = (value: object, method: unknown): Iterable<unknown> => ({
  [Symbol.iterator]: () => callMethod(method, value) as Iterator<unknown>
})

const fromSequence = (init: object, method: unknown): Array<string> => {
  const list: Array<string> = []
  for (const pair of iterate(init, method)) {
    if (!isObject(pair))
      throw new TypeError("URLSearchParams: each pair must be a sequence of a name and a value")
    const inner = (pair as { [Symbol.iterator]?: unknown })[Symbol.iterator]
    let length = 0
    for (const item of iterate(pair, inner)) {
      list[list.length] = usvString(item)
      length++
    }
    if (length !== 2)
      throw new TypeError(`URLSearchParams: a pair has a name and a value, but one has ${length} items`)
  }
  return list
}

const fromRecord = (init: object): Array<string> => {
  const list: Array<string> = []
  const places = new Map<string, number>()
  for (const key of Reflect.ownKeys(init)) {
    if (Reflect.getOwnPropertyDescriptor(init, key)?.enumerable !== true) continue
    const name = usvString(key)
    const value = usvString((init as Record<PropertyKey, unknown>)[key])
    // Two keys can be one after their lone surrogates are replaced: the later value at the earlier place.
    const place = places.get(name) ?? list.length
    places.set(name, place)
    list[place] = name
    list[place + 1] = value
  }
  return list
}

const fromText = (text: string): Array<string> =>
  parseUrlencoded(text.charCodeAt(0) === 0x3f ? text.slice(1) : text)

const fromInit = (init: unknown): Array<string> => {
  if (init === undefined) return []
  if (!isObject(init)) return fromText(usvString(init))
  const method = (init as { [Symbol.iterator]?: unknown })[Symbol.iterator]
  return method === undefined || method === null ? fromRecord(init) : fromSequence(init, method)
}

/** URL standard, 6.2. */
export class URLSearchParams {
  /** Names and values in turn. */
  #list: Array<string>
  #changed: ((text: string) => void) | null = null

  static {
    attach = (query, changed) => {
      const params = new URLSearchParams()
      params.#list = fromText(query)
      params.#changed = changed
      return params
    }
    refill = (params, query) => {
      params.#list = fromText(query)
    }
    listOf = (params) => params.#list
  }

  constructor(init: unknown = "") {
    this.#list = fromInit(init)
  }

  get size(): number {
    return this.#list.length / 2
  }

  append(name: string, value: string): void {
    const list = this.#list
    needArguments(arguments.length, 2, "URLSearchParams.append")
    const [key, text] = [usvString(name), usvString(value)]
    list[list.length] = key
    list[list.length] = text
    this.#tell()
  }

  delete(name: string, value: string | undefined = undefined): void {
    const list = this.#list
    needArguments(arguments.length, 1, "URLSearchParams.delete")
    const key = usvString(name)
    const wanted = value === undefined ? undefined : usvString(value)
    let kept = 0
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] === key && (wanted === undefined || list[i + 1] === wanted)) continue
      list[kept++] = list[i] as string
      list[kept++] = list[i + 1] as string
    }
    list.length = kept
    this.#tell()
  }

  get(name: string): string | null {
    const list = this.#list
    needArguments(arguments.length, 1, "URLSearchParams.get")
    const key = usvString(name)
    for (let i = 0; i < list.length; i += 2) if (list[i] === key) return list[i + 1] as string
    return null
  }

  getAll(name: string): Array<string> {
    const list = this.#list
    needArguments(arguments.length, 1, "URLSearchParams.getAll")
    const key = usvString(name)
    const found: Array<string> = []
    for (let i = 0; i < list.length; i += 2) if (list[i] === key) found[found.length] = list[i + 1] as string
    return found
  }

  has(name: string, value: string | undefined = undefined): boolean {
    const list = this.#list
    needArguments(arguments.length, 1, "URLSearchParams.has")
    const key = usvString(name)
    const wanted = value === undefined ? undefined : usvString(value)
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] === key && (wanted === undefined || list[i + 1] === wanted)) return true
    }
    return false
  }

  set(name: string, value: string): void {
    const list = this.#list
    needArguments(arguments.length, 2, "URLSearchParams.set")
    const [key, text] = [usvString(name), usvString(value)]
    let kept = 0
    let done = false
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] === key && done) continue
      list[kept++] = list[i] as string
      list[kept++] = list[i] === key ? text : (list[i + 1] as string)
      if (list[kept - 2] === key) done = true
    }
    list.length = kept
    if (!done) {
      list[kept] = key
      list[kept + 1] = text
    }
    this.#tell()
  }

  sort(): void {
    const list = this.#list
    const pairs: Array<readonly [string, string]> = []
    for (let i = 0; i < list.length; i += 2) pairs[pairs.length] = [list[i] as string, list[i + 1] as string]
    // Strings compare by code units, and the sort is stable, as the standard demands.
    pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    for (let i = 0; i < pairs.length; i++) {
      const pair = pairs[i] as readonly [string, string]
      list[2 * i] = pair[0]
      list[2 * i + 1] = pair[1]
    }
    this.#tell()
  }

  toString(): string {
    return serializeUrlencoded(this.#list)
  }

  entries(): IterableIterator<[string, string]> {
    return over(this.#self(), "key+value")
  }

  forEach(
    callback: (value: string, name: string, params: URLSearchParams) => void,
    thisArg: unknown = undefined
  ): void {
    const self = this.#self()
    needArguments(arguments.length, 1, "URLSearchParams.forEach")
    if (typeof callback !== "function")
      throw new TypeError("URLSearchParams.forEach: the callback is not a function")
    for (let i = 0; i < self.#list.length; i += 2) {
      Reflect.apply(callback, thisArg, [self.#list[i + 1] as string, self.#list[i] as string, self])
    }
  }

  keys(): IterableIterator<string> {
    return over(this.#self(), "key")
  }

  values(): IterableIterator<string> {
    return over(this.#self(), "value")
  }

  declare [Symbol.iterator]: () => IterableIterator<[string, string]>

  /** This, checked to be one of ours. */
  #self(): this {
    return this
  }

  #tell(): void {
    if (this.#changed !== null) this.#changed(serializeUrlencoded(this.#list))
  }
}

const over = pairIterator<URLSearchParams, string, string>("URLSearchParams", (params, index) => {
  const list = listOf(params)
  const at = 2 * index
  return at < list.length ? [list[at] as string, list[at + 1] as string] : undefined
})

describeInterface(URLSearchParams, "URLSearchParams", 0)
// WebIDL wants the very same function under both keys.
Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, {
  value: Object.getOwnPropertyDescriptor(URLSearchParams.prototype, "entries")?.value as unknown,
  writable: true,
  enumerable: false,
  configurable: true
})

export { attach, refill }
