/** The header list of the Fetch standard, with names in lower case from the start: their case cannot be observed. */

import { hardenedMap } from "../webidl/hardenedMap.ts"

const { stringify } = JSON
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NO_VALUE = /[\0\n\r]|[^\0-\xff]/
const EDGE = /^[\t\n\r ]+|[\t\n\r ]+$/g

/** Names that were checked already: most programs use a few dozen. Bounded, for names may come from outside. */
const known = hardenedMap<string, string>()
const MOST_KNOWN = 256

/** A name in lower case, when it was checked before. */
export const knownName = (name: string): string | undefined => known.get(name)

/** A name in lower case; null where it is no name. */
export const headerName = (name: string): string | null => {
  const held = known.get(name)
  if (held !== undefined) return held
  if (!TOKEN.test(name)) return null
  const lower = name.toLowerCase()
  if (known.size < MOST_KNOWN) known.set(name, lower)
  return lower
}

/** HTTP whitespace at both ends goes. */
export const normalValue = (value: string): string => {
  const last = value.length - 1
  if (last < 0 || (value.charCodeAt(0) > 32 && value.charCodeAt(last) > 32)) return value
  return value.replace(EDGE, "")
}

/** Whether a normalised value can be sent: bytes, without NUL, LF and CR. */
export const isHeaderValue = (value: string): boolean => !NO_VALUE.test(value)

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
    return this.names.includes(name)
  }

  /** All values of a name, combined; null where there is none. */
  get(name: string): string | null {
    const { names, values } = this
    let index = names.indexOf(name)
    if (index < 0) return null
    let combined = values[index] as string
    for (;;) {
      index = names.indexOf(name, index + 1)
      if (index < 0) return combined
      combined += `, ${values[index]}`
    }
  }

  all(name: string): Array<string> {
    const { names, values } = this
    const found: Array<string> = []
    for (let i = 0; i < names.length; i += 1) if (names[i] === name) found.push(values[i] as string)
    return found
  }

  append(name: string, value: string): void {
    this.#sorted = null
    this.names.push(name)
    this.values.push(value)
  }

  /** The first of that name gets the value, the others go. */
  set(name: string, value: string): void {
    const index = this.names.indexOf(name)
    if (index < 0) return this.append(name, value)
    this.#sorted = null
    this.values[index] = value
    if (this.names.includes(name, index + 1)) this.#remove(name, index + 1)
  }

  delete(name: string): void {
    if (!this.names.includes(name)) return
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
      else if (names.indexOf(name) === i) pairs.push([name, this.get(name) as string])
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
      if (names.indexOf(name) !== i) continue
      const more = names.indexOf(name, i + 1) >= 0
      const value = !more ? values[i] : name === "set-cookie" ? this.all(name) : this.get(name)
      json += `${json === "" ? "" : ","}${stringify(name)}:${stringify(value)}`
    }
    return `{${json}}`
  }
}
