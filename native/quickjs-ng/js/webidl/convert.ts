import { isObject } from "./isObject.ts"

/** Conversions of WebIDL: from what a caller gave to what an operation works with. All throw a TypeError that names `what`. */

const { trunc, abs, sign, floor } = Math

/** A symbol is no string: the template throws, as WebIDL demands. */
export const domString = (value: unknown): string =>
  typeof value === "string" ? value : `${value as string}`

/** Lone surrogates become U+FFFD. */
export const usvString = (value: unknown): string => domString(value).toWellFormed()

const ABOVE_LATIN1 = /[^\0-\xff]/

/** A string of bytes. */
export const byteString = (value: unknown, what: string): string => {
  const text = domString(value)
  if (ABOVE_LATIN1.test(text)) {
    throw new TypeError(`${what}: ${JSON.stringify(text)} has characters above U+00FF; a header holds bytes`)
  }
  return text
}

/** One of the strings of an enumeration. */
export const enumeration = <const Member extends string>(
  value: unknown,
  members: ReadonlyArray<Member>,
  what: string
): Member => {
  const text = domString(value)
  for (const member of members) if (member === text) return member
  throw new TypeError(`${what}: ${JSON.stringify(text)} is none of ${members.join(", ")}`)
}

/** `unsigned short`, modulo 2^16. */
export const unsignedShort = (value: unknown): number => {
  const number = trunc(Number(value))
  if (number !== number || abs(number) === Infinity) return 0
  const rest = number % 65_536
  return rest < 0 ? rest + 65_536 : rest
}

/** `[Clamp] long long`: rounds half to even. */
export const clampedLongLong = (value: unknown): number => {
  const number = Number(value)
  if (number !== number) return 0
  if (abs(number) >= Number.MAX_SAFE_INTEGER) return sign(number) * Number.MAX_SAFE_INTEGER
  const low = floor(number)
  const rest = number - low
  const even = rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1
  return even === 0 ? 0 : even
}

/** `long long`, modulo 2^64 (as far as a number can tell). */
export const longLong = (value: unknown): number => {
  const number = trunc(Number(value))
  if (number !== number || abs(number) === Infinity) return 0
  if (abs(number) <= Number.MAX_SAFE_INTEGER) return number === 0 ? 0 : number
  return Number(BigInt.asIntN(64, BigInt(number)))
}

export type Dictionary = Readonly<Record<string, unknown>>
const NOTHING: Dictionary = Object.freeze(Object.create(null)) as Dictionary

/** What an optional dictionary argument holds; its members are read, and converted, by the caller. */
export const dictionary = (value: unknown, what: string): Dictionary => {
  if (value === undefined || value === null) return NOTHING
  if (!isObject(value))
    throw new TypeError(`${what}: ${typeof value} given where an object of options belongs`)
  return value as Dictionary
}

/** The method that makes a value iterable, or undefined. */
export const iteratorMethod = (value: object, what: string): (() => unknown) | undefined => {
  const method = (value as { readonly [Symbol.iterator]?: unknown })[Symbol.iterator]
  if (method === undefined || method === null) return undefined
  if (typeof method !== "function") throw new TypeError(`${what}: its iterator is no function`)
  return method as () => unknown
}

/** `sequence<T>`, of a value whose iterator method was read. */
export const sequence = <Item>(
  value: object,
  method: () => unknown,
  convert: (item: unknown) => Item,
  what: string
): Array<Item> => {
  const iterator = Reflect.apply(method, value, []) as Iterator<unknown>
  if (!isObject(iterator)) throw new TypeError(`${what}: its iterator is no object`)
  const { next } = iterator
  const items: Array<Item> = []
  for (;;) {
    const step = Reflect.apply(next, iterator, []) as IteratorResult<unknown>
    if (!isObject(step)) throw new TypeError(`${what}: its iterator gave no object`)
    if (step.done) return items
    items.push(convert(step.value))
  }
}

/** How many arguments an operation was given, where it needs more. */
export const needArguments = (given: number, needed: number, what: string): void => {
  if (given < needed) {
    throw new TypeError(`${what}: ${needed} argument${needed === 1 ? "" : "s"} required, ${given} given`)
  }
}

export const illegalInvocation = (what: string): TypeError =>
  new TypeError(`${what} was called on something else`)
