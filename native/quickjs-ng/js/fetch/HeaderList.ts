/** The header list of the Fetch standard, with names in lower case from the start: their case cannot be observed. */

import { charCodeAt, joined, matches, placeOf, push, slice, toLowerCase } from "../webidl/primordials.ts"
import { hardenedMap } from "../webidl/hardenedMap.ts"

const { stringify } = JSON
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NO_VALUE = /[\0\n\r]|[^\0-\xff]/
const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13

/** Names that were checked already: most programs use a few dozen. Bounded, for names may come from outside. */
const known = hardenedMap<string, string>()
const MOST_KNOWN = 256

/** A name in lower case, when it was checked before. */
export const knownName = (name: string): string | undefined => known.get(name)

/** A name in lower case; null where it is no name. */
export const headerName = (name: string): string | null => {
  const held = known.get(name)
  if (held !== undefined) return held
  if (!matches(TOKEN, name)) return null
  const lower = toLowerCase(name)
  if (known.size < MOST_KNOWN) known.set(name, lower)
  return lower
}

/** HTTP whitespace at both ends goes. */
export const normalValue = (value: string): string => {
  let start = 0
  let end = value.length
  while (start < end && isSpace(charCodeAt(value, start))) start += 1
  while (end > start && isSpace(charCodeAt(value, end - 1))) end -= 1
  return start === 0 && end === value.length ? value : slice(value, start, end)
}

/** Whether a normalised value can be sent: bytes, without NUL, LF and CR. */
export const isHeaderValue = (value: string): boolean => !matches(NO_VALUE, value)

export type Pair = readonly [name: string, value: string]

const byName = (a: Pair, b: Pair): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)

/** So many headers are looked through name by name; more have an index. */
const MANY = 64

export class HeaderList {
  /** In the order in which they came; empty once there is an index. */
  #names: Array<string> = []
  #values: Array<string> = []
  /** The values of each name, names in the order in which they came; null while there are few. */
  #index: Map<string, Array<string>> | null = null
  /** `sorted()` of the list as it is; null after a change. */
  #sorted: ReadonlyArray<Pair> | null = null

  copy(): HeaderList {
    const copy = new HeaderList()
    this.each((name, value) => copy.append(name, value))
    return copy
  }

  /** Every value with its name; those of one name in their order. */
  each(visit: (name: string, value: string) => void): void {
    if (this.#index === null) {
      const names = this.#names
      const values = this.#values
      for (let i = 0; i < names.length; i += 1) visit(names[i] as string, values[i] as string)
    } else {
      this.#index.forEach((all, name) => {
        for (let i = 0; i < all.length; i += 1) visit(name, all[i] as string)
      })
    }
  }

  has(name: string): boolean {
    return this.#index === null ? placeOf(this.#names, name) >= 0 : this.#index.has(name)
  }

  /** All values of a name, combined; null where there is none. */
  get(name: string): string | null {
    if (this.#index !== null) {
      const all = this.#index.get(name)
      return all === undefined ? null : joined(all, ", ")
    }
    const names = this.#names
    const values = this.#values
    let index = placeOf(names, name)
    if (index < 0) return null
    let combined = values[index] as string
    for (;;) {
      index = placeOf(names, name, index + 1)
      if (index < 0) return combined
      combined += `, ${values[index]}`
    }
  }

  all(name: string): Array<string> {
    const found: Array<string> = []
    if (this.#index === null) {
      const names = this.#names
      for (let i = 0; i < names.length; i += 1) if (names[i] === name) push(found, this.#values[i] as string)
    } else {
      const all = this.#index.get(name)
      if (all !== undefined) for (let i = 0; i < all.length; i += 1) push(found, all[i] as string)
    }
    return found
  }

  append(name: string, value: string): void {
    this.#sorted = null
    if (this.#index === null) {
      push(this.#names, name)
      push(this.#values, value)
      if (this.#names.length > MANY) this.#makeIndex()
    } else {
      this.#addToIndex(this.#index, name, value)
    }
  }

  #makeIndex(): void {
    const index = hardenedMap<string, Array<string>>()
    this.each((name, value) => this.#addToIndex(index, name, value))
    this.clear()
    this.#index = index
  }

  #addToIndex(index: Map<string, Array<string>>, name: string, value: string): void {
    const all = index.get(name)
    if (all === undefined) index.set(name, [value])
    else push(all, value)
  }

  /** The first of that name gets the value, the others go. */
  set(name: string, value: string): void {
    if (this.#index !== null) {
      this.#sorted = null
      this.#index.set(name, [value])
      return
    }
    const index = placeOf(this.#names, name)
    if (index < 0) return this.append(name, value)
    this.#sorted = null
    this.#values[index] = value
    if (placeOf(this.#names, name, index + 1) >= 0) this.#remove(name, index + 1)
  }

  delete(name: string): void {
    if (!this.has(name)) return
    this.#sorted = null
    if (this.#index === null) this.#remove(name, 0)
    else this.#index.delete(name)
  }

  #remove(name: string, from: number): void {
    const names = this.#names
    const values = this.#values
    let kept = from
    for (let i = from; i < names.length; i += 1) {
      if (names[i] === name) continue
      names[kept] = names[i] as string
      values[kept] = values[i] as string
      kept += 1
    }
    names.length = kept
    values.length = kept
  }

  clear(): void {
    this.#sorted = null
    this.#names = []
    this.#values = []
    this.#index = null
  }

  /** Each name once, in the order in which they came. */
  eachName(visit: (name: string) => void): void {
    if (this.#index !== null) {
      this.#index.forEach((_all, name) => visit(name))
      return
    }
    const names = this.#names
    for (let i = 0; i < names.length; i += 1) {
      if (placeOf(names, names[i] as string) === i) visit(names[i] as string)
    }
  }

  /** "Sort and combine": by name, each name once but for `set-cookie`. */
  sorted(): ReadonlyArray<Pair> {
    if (this.#sorted !== null) return this.#sorted
    const pairs: Array<Pair> = []
    this.eachName((name) => {
      const all = name === "set-cookie" ? this.all(name) : [this.get(name) as string]
      for (let i = 0; i < all.length; i += 1) push(pairs, [name, all[i] as string])
    })
    this.#sorted = pairs.sort(byName)
    return pairs
  }

  /** As on the wire: a JSON object, `set-cookie` as an array where there are several. */
  toJson(): string {
    let json = ""
    this.eachName((name) => {
      const all = name === "set-cookie" ? this.all(name) : null
      const value = all !== null && all.length > 1 ? all : this.get(name)
      json += `${json === "" ? "" : ","}${stringify(name)}:${stringify(value)}`
    })
    return `{${json}}`
  }
}
