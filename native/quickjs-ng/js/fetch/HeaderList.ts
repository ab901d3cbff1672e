/** The header list of the Fetch standard, with names in lower case from the start: their case cannot be observed. */

import { charCodeAt, matches, placeOf, push, slice, toLowerCase } from "../webidl/primordials.ts"
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

export class HeaderList {
  names: Array<string> = []
  values: Array<string> = []
  /** `sorted()` of the list as it is; null after a change. */
  #sorted: ReadonlyArray<Pair> | null = null

  copy(): HeaderList {
    const copy = new HeaderList()
    copy.names = [...this.names]
    copy.values = [...this.values]
    return copy
  }

  has(name: string): boolean {
    return placeOf(this.names, name) >= 0
  }

  /** All values of a name, combined; null where there is none. */
  get(name: string): string | null {
    const { names, values } = this
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
    const { names, values } = this
    const found: Array<string> = []
    for (let i = 0; i < names.length; i += 1) if (names[i] === name) push(found, values[i] as string)
    return found
  }

  append(name: string, value: string): void {
    this.#sorted = null
    push(this.names, name)
    push(this.values, value)
  }

  /** The first of that name gets the value, the others go. */
  set(name: string, value: string): void {
    const index = placeOf(this.names, name)
    if (index < 0) return this.append(name, value)
    this.#sorted = null
    this.values[index] = value
    if (placeOf(this.names, name, index + 1) >= 0) this.#remove(name, index + 1)
  }

  delete(name: string): void {
    if (placeOf(this.names, name) < 0) return
    this.#sorted = null
    this.#remove(name, 0)
  }

  #remove(name: string, from: number): void {
    const { names, values } = this
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
    this.names = []
    this.values = []
  }

  /** "Sort and combine": by name, each name once but for `set-cookie`. */
  sorted(): ReadonlyArray<Pair> {
    if (this.#sorted !== null) return this.#sorted
    const { names, values } = this
    const pairs: Array<Pair> = []
    for (let i = 0; i < names.length; i += 1) {
      const name = names[i] as string
      if (name === "set-cookie") pairs.push([name, values[i] as string])
      else if (placeOf(names, name) === i) pairs.push([name, this.get(name) as string])
    }
    this.#sorted = pairs.sort(byName)
    return pairs
  }

  /** As on the wire: a JSON object, `set-cookie` as an array where there are several. */
  toJson(): string {
    const { names, values } = this
    let json = ""
    for (let i = 0; i < names.length; i += 1) {
      const name = names[i] as string
      if (placeOf(names, name) !== i) continue
      const more = placeOf(names, name, i + 1) >= 0
      const value = !more ? values[i] : name === "set-cookie" ? this.all(name) : this.get(name)
      json += `${json === "" ? "" : ","}${stringify(name)}:${stringify(value)}`
    }
    return `{${json}}`
  }
}
