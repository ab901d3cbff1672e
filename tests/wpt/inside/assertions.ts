import { show } from "./format.ts"

/** What an assertion throws. */
export class AssertionError extends Error {
  override name = "AssertionError"
}
/** What stands for a feature that a test says is optional and that is not there. */
export class OptionalFeatureError extends Error {
  override name = "OptionalFeatureUnsupportedError"
}

type Description = string | undefined
type Thrower = () => unknown
type ErrorClass = new (...args: Array<never>) => object

export const fail = (what: string, description: Description): never => {
  throw new AssertionError(description === undefined || description === "" ? what : `${description}: ${what}`)
}
export const check = (holds: boolean, what: () => string, description: Description): void => {
  if (!holds) fail(what(), description)
}

const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function"

/** Old names of DOMExceptions in tests, and the codes of all names that have one. */
const CODES: Readonly<Record<string, number>> = {
  IndexSizeError: 1,
  HierarchyRequestError: 3,
  WrongDocumentError: 4,
  InvalidCharacterError: 5,
  NoModificationAllowedError: 7,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  NamespaceError: 14,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  InvalidNodeTypeError: 24,
  DataCloneError: 25
}
const nameOf = (type: string | number): string => {
  for (const [name, code] of Object.entries(CODES)) {
    if (code === type) return name
    // INVALID_STATE_ERR of InvalidStateError
    const old = `${name.replace(/Error$/, "").replace(/(?<=[a-z])(?=[A-Z])/g, "_")}_ERR`.toUpperCase()
    if (old === type) return name
  }
  return String(type)
}

const thrownBy = (f: Thrower, description: Description): unknown => {
  if (typeof f !== "function") fail(`${show(f)} is no function`, description)
  try {
    f()
  } catch (error) {
    return error
  }
  return fail("did not throw", description)
}

export const checkJsError = (error: unknown, type: ErrorClass, description: Description): void => {
  check(isObject(error), () => `threw ${show(error)}, which is no object`, description)
  const { constructor, name } = error as { readonly constructor?: unknown; readonly name?: unknown }
  check(
    constructor === type && name === type.name,
    () => `threw ${show(error)}, not a ${type.name}`,
    description
  )
}

export const checkDomError = (error: unknown, type: string | number, description: Description): void => {
  const name = nameOf(type)
  check(error instanceof DOMException, () => `threw ${show(error)}, not a DOMException`, description)
  const { name: actual, code } = error as DOMException
  check(
    actual === name && code === (CODES[name] ?? 0),
    () => `threw ${actual} (code ${code}), not ${name}`,
    description
  )
}

const sameObjects = (a: object, b: object, description: Description, seen: Array<object>): void => {
  if (seen.includes(a)) return
  seen.push(a)
  for (const [key, value] of Object.entries(a)) {
    check(Object.hasOwn(b, key), () => `unexpected property ${key}`, description)
    const other = (b as Record<string, unknown>)[key]
    if (isObject(value) && isObject(other)) sameObjects(value, other, description, seen)
    else
      check(
        Object.is(value, other),
        () => `property ${key} is ${show(value)}, not ${show(other)}`,
        description
      )
  }
  for (const key of Object.keys(b))
    check(Object.hasOwn(a, key), () => `property ${key} is missing`, description)
}

const compare =
  (word: string, holds: (actual: number, expected: number) => boolean) =>
  (actual: number, expected: number, description?: string): void => {
    const good = typeof actual === typeof expected && holds(actual, expected)
    check(good, () => `${show(actual)} is not ${word} ${show(expected)}`, description)
  }
const between =
  (word: string, holds: (actual: number, low: number, high: number) => boolean) =>
  (actual: number, low: number, high: number, description?: string): void =>
    check(holds(actual, low, high), () => `${show(actual)} is not ${word} ${low} and ${high}`, description)

const arrays = (actual: ArrayLike<unknown>, expected: ArrayLike<unknown>, description: Description): void => {
  check(isObject(actual) && "length" in actual, () => `${show(actual)} is no array`, description)
  const lengths = (): string =>
    `lengths differ: ${actual.length}, not ${expected.length}: ${show(actual)}, not ${show(expected)}`
  check(actual.length === expected.length, lengths, description)
}

/** The assertions that tests call by these names. */
export const assertions = {
  assert_true: (actual: unknown, description?: string) =>
    check(actual === true, () => `${show(actual)} is not true`, description),
  assert_false: (actual: unknown, description?: string) =>
    check(actual === false, () => `${show(actual)} is not false`, description),
  assert_equals: (actual: unknown, expected: unknown, description?: string) =>
    check(Object.is(actual, expected), () => `${show(actual)} is not ${show(expected)}`, description),
  assert_not_equals: (actual: unknown, expected: unknown, description?: string) =>
    check(!Object.is(actual, expected), () => `got ${show(actual)}`, description),
  assert_in_array: (actual: unknown, expected: ReadonlyArray<unknown>, description?: string) =>
    check(expected.includes(actual), () => `${show(actual)} is none of ${show(expected)}`, description),
  assert_object_equals: (actual: object, expected: object, description?: string) => {
    check(isObject(actual), () => `${show(actual)} is no object`, description)
    sameObjects(actual, expected, description, [])
  },
  assert_array_equals: (actual: ArrayLike<unknown>, expected: ArrayLike<unknown>, description?: string) => {
    arrays(actual, expected, description)
    for (let i = 0; i < actual.length; i++) {
      const at = i
      check(
        Object.is(actual[at], expected[at]) && Object.hasOwn(actual, at) === Object.hasOwn(expected, at),
        () => `item ${at} is ${show(actual[at])}, not ${show(expected[at])}`,
        description
      )
    }
  },
  assert_array_approx_equals: (
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    epsilon: number,
    description?: string
  ) => {
    arrays(actual, expected, description)
    for (let i = 0; i < actual.length; i++) {
      const near = Math.abs((actual[i] as number) - (expected[i] as number)) <= epsilon
      check(near, () => `item ${i} is ${actual[i]}, not ${expected[i]}`, description)
    }
  },
  assert_approx_equals: (actual: number, expected: number, epsilon: number, description?: string) =>
    check(
      typeof actual === "number" && (Object.is(actual, expected) || Math.abs(actual - expected) <= epsilon),
      () => `${show(actual)} is not ${expected} ± ${epsilon}`,
      description
    ),
  assert_less_than: compare("less than", (a, b) => a < b),
  assert_greater_than: compare("greater than", (a, b) => a > b),
  assert_less_than_equal: compare("at most", (a, b) => a <= b),
  assert_greater_than_equal: compare("at least", (a, b) => a >= b),
  assert_between_exclusive: between("between", (a, low, high) => a > low && a < high),
  assert_between_inclusive: between("from and to", (a, low, high) => a >= low && a <= high),
  assert_regexp_match: (actual: string, expected: RegExp, description?: string) =>
    check(expected.test(actual), () => `${show(actual)} does not match ${expected}`, description),
  assert_class_string: (object: unknown, name: string, description?: string) => {
    const actual = Object.prototype.toString.call(object)
    check(actual === `[object ${name}]`, () => `${actual} is not [object ${name}]`, description)
  },
  assert_own_property: (object: object, name: PropertyKey, description?: string) =>
    check(Object.hasOwn(object, name), () => `has no own ${String(name)}`, description),
  assert_not_own_property: (object: object, name: PropertyKey, description?: string) =>
    check(!Object.hasOwn(object, name), () => `has an own ${String(name)}`, description),
  assert_inherits: (object: object, name: PropertyKey, description?: string) =>
    check(
      isObject(object) && name in object && !Object.hasOwn(object, name),
      () => `does not inherit ${String(name)}`,
      description
    ),
  assert_idl_attribute: (object: object, name: PropertyKey, description?: string) =>
    check(isObject(object) && name in object, () => `has no ${String(name)}`, description),
  assert_readonly: (object: Record<PropertyKey, unknown>, name: PropertyKey, description?: string) => {
    const before = object[name]
    try {
      object[name] = `${String(before)}x`
      check(Object.is(object[name], before), () => `${String(name)} can be changed`, description)
    } finally {
      try {
        object[name] = before
      } catch {
        // as it should be
      }
    }
  },
  assert_throws_js: (type: ErrorClass, f: Thrower, description?: string) =>
    checkJsError(thrownBy(f, description), type, description),
  assert_throws_dom: (type: string | number, second: Thrower, third?: Thrower | string, fourth?: string) => {
    const withClass = typeof third === "function"
    const description = withClass ? fourth : third
    checkDomError(thrownBy(withClass ? third : second, description), type, description)
  },
  assert_throws_exactly: (expected: unknown, f: Thrower, description?: string) => {
    const error = thrownBy(f, description)
    check(Object.is(error, expected), () => `threw ${show(error)}, not ${show(expected)}`, description)
  },
  assert_throws_quotaexceedederror: (
    f: Thrower,
    _quota: unknown,
    _requested: unknown,
    description?: string
  ) => {
    const error = thrownBy(f, description) as { readonly name?: unknown }
    check(error.name === "QuotaExceededError", () => `threw ${show(error)}`, description)
  },
  assert_unreached: (description?: string) => fail("was reached", description),
  assert_implements: (condition: unknown, description?: string) =>
    check(Boolean(condition), () => "is not there", description),
  assert_implements_optional: (condition: unknown, description?: string) => {
    if (!condition) throw new OptionalFeatureError(description)
  }
}
