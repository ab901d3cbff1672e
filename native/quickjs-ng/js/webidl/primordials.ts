/**
 * The methods of strings and regular expressions that an answer is made with, each as a function of its receiver, and taken
 * before a function's code runs: what that puts in their place later is called by nobody here. Nor is anything else of the
 * prototypes looked up, `call` and `apply` included.
 *
 * What the language itself looks up has to be kept out by hand: iterators (`for … of`, array destructuring, spreading), and
 * fields that an object does not have itself and so would take from `Object.prototype`.
 */
const { bind, call } = Function.prototype
const { apply } = Reflect

const alone = <Self, Arguments extends ReadonlyArray<unknown>, Result>(
  method: (this: Self, ...args: Arguments) => Result
): ((self: Self, ...args: Arguments) => Result) =>
  apply(bind, call, [method]) as (self: Self, ...args: Arguments) => Result

const text = String.prototype
export const charCodeAt = alone(text.charCodeAt)
export const endsWith = alone(text.endsWith)
export const includes = alone(text.includes)
export const indexOf = alone(text.indexOf)
export const slice = alone(text.slice)
export const startsWith = alone(text.startsWith)
export const toLowerCase = alone(text.toLowerCase)
export const trimEnd = alone(text.trimEnd)
export const trimStart = alone(text.trimStart)

const find = alone(RegExp.prototype.exec)
/** Whether a pattern is found in a text; `test` would look `exec` up. */
export const matches = (pattern: RegExp, where: string): boolean => find(pattern, where) !== null
export const match = find

/** `text.replaceAll(what, by)`, which would look for a `Symbol.replace`. */
export const replaceEach = (given: string, what: string, by: string): string => {
  let from = 0
  let at = indexOf(given, what)
  if (at === -1) return given
  let replaced = ""
  for (; at !== -1; at = indexOf(given, what, from)) {
    replaced += slice(given, from, at) + by
    from = at + what.length
  }
  return replaced + slice(given, from)
}

/** `list.push(item)`: its fast path; where a prototype has a setter for an index, that is called. See `append`. */
export const push = alone(Array.prototype.push as (this: Array<unknown>, item: unknown) => number)

const { hasOwn: ownsKey, defineProperty: define, setPrototypeOf: setPrototype } = Object
/** A field of the object's own; undefined where it has none of that name. */
export const ownField = (object: object, name: string): unknown =>
  ownsKey(object, name) ? (object as Readonly<Record<string, unknown>>)[name] : undefined

/** Whether a text is one of some. */
export const isOneOf = (texts: ReadonlyArray<string>, wanted: string): boolean => {
  for (let i = 0; i < texts.length; i += 1) if (texts[i] === wanted) return true
  return false
}

/** The place of a text among some; -1 where it is not there. */
export const placeOf = (texts: ReadonlyArray<string>, wanted: string, from = 0): number => {
  for (let i = from; i < texts.length; i += 1) if (texts[i] === wanted) return i
  return -1
}

/** The texts with something between them. */
export const joined = (texts: ReadonlyArray<string>, separator: string): string => {
  let all = ""
  for (let i = 0; i < texts.length; i += 1) all += i === 0 ? texts[i] : separator + texts[i]
  return all
}

/**
 * A descriptor that takes nothing from `Object.prototype`: one with a `get` there would make a contradiction of it, and one
 * with a `writable` another property.
 */
export const descriptor = (fields: PropertyDescriptor): PropertyDescriptor => {
  const own: PropertyDescriptor = {}
  setPrototype(own, null)
  if (ownsKey(fields, "get")) {
    own.get = fields.get as () => unknown
    own.set = fields.set as (value: unknown) => void
  } else {
    own.value = fields.value as unknown
    own.writable = fields.writable === true
  }
  own.enumerable = fields.enumerable === true
  own.configurable = fields.configurable === true
  return own
}

/** `list[list.length] = item`, where a setter on a prototype would take it. */
export const append = <Item>(list: Array<Item>, item: Item): void => {
  define(list, list.length, descriptor({ value: item, writable: true, enumerable: true, configurable: true }))
}
