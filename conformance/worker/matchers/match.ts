import type { Mistake } from "../../data/Mistakes.ts"
import { isObject } from "../session/Message.ts"

/**
 * What a value of a message should be, as data. Plain values have to be equal; arrays element by element; of objects the named
 * keys. An object whose keys begin with `$` is a matcher:
 *
 * - `$any`: `string`, `number`, `boolean`, `object`, `array` or `value` (whatever is there)
 * - `$absent: true`: the key is not there
 * - `$pattern`: a string that the regular expression finds something in; `$contains`: a string with that in it
 * - `$oneOf`: one of these; `$not`: not this; `$all`: all of these
 * - `$gte`, `$lte`: a number, inclusive
 * - `$exactly`: an object with these keys and no others
 * - `$some`: an array with such an element; `$every`: all of an array's elements
 * - `$length`: of a string (UTF-16) or array
 * - `$text`, `$json`, `$base64`: base64 of a text, of a JSON text, of these bytes (given in base64); `$bytes`: of so many bytes
 * - `$as`: takes the value down under a name, for `$ref`
 */
export type Matcher = unknown

/** Where a value differs from its matcher. */
export interface Difference {
  readonly path: string
  readonly expected: unknown
  readonly observed: unknown
}

export type Captured = Map<string, unknown>

type Test = (argument: unknown, value: unknown, path: string, captured: Captured) => Difference | null

const differs = (path: string, expected: unknown, observed: unknown): Difference => ({
  path: path === "" ? "it" : path,
  expected,
  observed
})

const test =
  (name: string, holds: (argument: never, value: unknown) => boolean): Test =>
  (argument, value, path) =>
    holds(argument as never, value) ? null : differs(path, { [name]: argument }, value)

const kinds: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  object: isObject,
  array: Array.isArray,
  value: (value) => value !== undefined
}

/** The bytes of a string that is base64; null where it is none. */
const bytesOf = (value: unknown): Buffer | null => {
  if (typeof value !== "string") return null
  const bytes = Buffer.from(value, "base64")
  return bytes.toString("base64") === value ? bytes : null
}

const lengthOf = (value: unknown): number | null =>
  typeof value === "string" || Array.isArray(value) ? value.length : null

const tests: Readonly<Record<string, Test>> = {
  $any: test("$any", (kind: string, value) => (kinds[kind] as (value: unknown) => boolean)(value)),
  $absent: test("$absent", (_: true, value) => value === undefined),
  $pattern: test("$pattern", (pattern: string, value) =>
    typeof value === "string" && new RegExp(pattern, "u").test(value)),
  $contains: test("$contains", (part: string, value) => typeof value === "string" && value.includes(part)),
  $gte: test("$gte", (least: number, value) => typeof value === "number" && value >= least),
  $lte: test("$lte", (most: number, value) => typeof value === "number" && value <= most),
  $length: (argument, value, path, captured) => {
    const length = lengthOf(value)
    return length === null
      ? differs(path, { $length: argument }, value)
      : difference(argument, length, `${path}.length`, captured)
  },
  $bytes: (argument, value, path, captured) => {
    const bytes = bytesOf(value)
    return bytes === null
      ? differs(path, "base64", value)
      : difference(argument, bytes.length, `${path} in bytes`, captured)
  },
  $base64: test("$base64", (expected: string, value) => {
    const bytes = bytesOf(value)
    return bytes?.equals(Buffer.from(expected, "base64")) ?? false
  }),
  $text: (argument, value, path, captured) => {
    const bytes = bytesOf(value)
    return bytes === null
      ? differs(path, { $text: argument }, value)
      : difference(argument, bytes.toString(), `${path} as text`, captured)
  },
  $json: (argument, value, path, captured) => {
    let json: unknown
    try {
      json = JSON.parse((bytesOf(value) as Buffer).toString())
    } catch {
      return differs(path, { $json: argument }, value)
    }
    return difference(argument, json, `${path} as JSON`, captured)
  },
  $oneOf: (argument, value, path, captured) =>
    (argument as ReadonlyArray<Matcher>).some((one) => difference(one, value, path, captured) === null)
      ? null
      : differs(path, { $oneOf: argument }, value),
  $all: (argument, value, path, captured) => {
    for (const one of argument as ReadonlyArray<Matcher>) {
      const found = difference(one, value, path, captured)
      if (found !== null) return found
    }
    return null
  },
  $not: (argument, value, path, captured) =>
    difference(argument, value, path, captured) === null ? differs(path, { $not: argument }, value) : null,
  $exactly: (argument, value, path, captured) => {
    if (!isObject(value)) return differs(path, { $exactly: argument }, value)
    const names = Object.keys(argument as object)
    const more = Object.keys(value).find((name) => !names.includes(name))
    return more === undefined
      ? difference(argument, value, path, captured)
      : differs(joined(path, more), undefined, value[more])
  },
  $some: (argument, value, path, captured) =>
    Array.isArray(value) && value.some((one) => difference(argument, one, path, captured) === null)
      ? null
      : differs(path, { $some: argument }, value),
  $every: (argument, value, path, captured) => {
    if (!Array.isArray(value)) return differs(path, { $every: argument }, value)
    for (const [index, one] of value.entries()) {
      const found = difference(argument, one, `${path}[${index}]`, captured)
      if (found !== null) return found
    }
    return null
  },
  $as: (argument, value, path, captured) => {
    if (value === undefined) return differs(path, { $as: argument }, value)
    captured.set(argument as string, value)
    return null
  },
  $ref: (argument, value, path, captured) =>
    difference(captured.get(argument as string), value, path, captured)
}

const joined = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`)

const isMatcher = (expected: unknown): expected is Readonly<Record<string, unknown>> =>
  isObject(expected) && Object.keys(expected).some((key) => key.startsWith("$"))

/** Where `value` is not what `expected` says; null where it is. */
export const difference = (
  expected: Matcher,
  value: unknown,
  path = "",
  captured: Captured = new Map()
): Difference | null => {
  if (isMatcher(expected)) {
    for (const [name, argument] of Object.entries(expected)) {
      const found = (tests[name] as Test)(argument, value, path, captured)
      if (found !== null) return found
    }
    return null
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(value) || value.length !== expected.length) return differs(path, expected, value)
    for (const [index, one] of expected.entries()) {
      const found = difference(one, value[index], `${path}[${index}]`, captured)
      if (found !== null) return found
    }
    return null
  }
  if (isObject(expected)) {
    if (!isObject(value)) return differs(path, expected, value)
    for (const [key, one] of Object.entries(expected)) {
      const found = difference(
        one,
        Object.hasOwn(value, key) ? value[key] : undefined,
        joined(path, key),
        captured
      )
      if (found !== null) return found
    }
    return null
  }
  return Object.is(expected, value) ? null : differs(path, expected, value)
}

const isList = Array.isArray
const isText = (argument: unknown): boolean => typeof argument === "string"
const isNumber = (argument: unknown): boolean => typeof argument === "number"

const compiles = (pattern: unknown): boolean => {
  try {
    return isText(pattern) && new RegExp(pattern as string, "u").source !== ""
  } catch {
    return false
  }
}

const argumentFaults: Readonly<Record<string, (argument: unknown) => string | null>> = {
  $any: (argument) =>
    isText(argument) && Object.hasOwn(kinds, argument as string)
      ? null
      : `$any is one of ${Object.keys(kinds).join(", ")}`,
  $absent: (argument) => (argument === true ? null : "$absent is true"),
  $pattern: (argument) => (compiles(argument) ? null : "$pattern is no regular expression"),
  $contains: (argument) => (isText(argument) ? null : "$contains is a string"),
  $base64: (argument) => (bytesOf(argument) === null ? "$base64 is base64" : null),
  $gte: (argument) => (isNumber(argument) ? null : "$gte is a number"),
  $lte: (argument) => (isNumber(argument) ? null : "$lte is a number"),
  $oneOf: (argument) => (isList(argument) ? null : "$oneOf is a list"),
  $all: (argument) => (isList(argument) ? null : "$all is a list"),
  $exactly: (argument) => (isObject(argument) && !isMatcher(argument) ? null : "$exactly is a map"),
  $as: (argument) => (isText(argument) ? null : "$as is a name"),
  $ref: (argument) => (isText(argument) ? null : "$ref is a name")
}

/** What is wrong with a matcher itself: names that are none, arguments that they do not take. */
export const matcherMistakes = (
  matcher: Matcher,
  path: ReadonlyArray<PropertyKey> = []
): ReadonlyArray<Mistake> => {
  if (Array.isArray(matcher)) return matcher.flatMap((one, index) => matcherMistakes(one, [...path, index]))
  if (!isObject(matcher)) return []
  const within = Object.entries(matcher).flatMap(([key, one]) => matcherMistakes(one, [...path, key]))
  if (!isMatcher(matcher)) return within
  const own = Object.entries(matcher).flatMap(([name, argument]): ReadonlyArray<Mistake> => {
    if (!Object.hasOwn(tests, name)) {
      const known = Object.keys(tests).join(", ")
      return [{ path: [...path, name], message: `there is no matcher ${name}; there are ${known}` }]
    }
    const fault = argumentFaults[name]?.(argument) ?? null
    return fault === null ? [] : [{ path: [...path, name], message: fault }]
  })
  return [...own, ...within]
}

/**
 * A value to be sent: `{$ref: name}` stands for what `$as` has taken down (null where nothing was), `{$size: n}` for base64 of
 * so many letters `a`.
 */
export const filled = (value: unknown, captured: Captured): unknown => {
  if (Array.isArray(value)) return value.map((one) => filled(one, captured))
  if (!isObject(value)) return value
  const { $ref, $size } = value
  if (typeof $size === "number" && Object.keys(value).length === 1) {
    return Buffer.alloc($size, "a").toString("base64")
  }
  if (typeof $ref === "string" && Object.keys(value).length === 1) return captured.get($ref) ?? null
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filled(one, captured)]))
}
