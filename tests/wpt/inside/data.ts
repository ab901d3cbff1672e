/**
 * Runs the entries of web-platform-tests' data files inside a worker. What the fields mean is in that project's
 * `url/README.md`, and for URLPattern in its test of the same data.
 */

type Fields = Readonly<Record<string, unknown>>

const PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname"] as const
const MORE_PARTS = ["port", "pathname", "search", "hash"] as const
const COMPONENTS = [
  "protocol",
  "username",
  "password",
  "hostname",
  "port",
  "pathname",
  "search",
  "hash"
] as const

const quote = (value: unknown): string => JSON.stringify(value) ?? "undefined"
const demand = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}
const same = (what: string, actual: unknown, expected: unknown): void =>
  demand(Object.is(actual, expected), `${what} is ${quote(actual)}, not ${quote(expected)}`)

/** Deep equality where undefined is a value, whatever the order of properties. */
const alike = (a: unknown, b: unknown): boolean => {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b)
  const [left, right] = [a as Fields, b as Fields]
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length || Array.isArray(a) !== Array.isArray(b)) return false
  return keys.every((key) => Object.hasOwn(right, key) && alike(left[key], right[key]))
}

const threw = (f: () => unknown): unknown => {
  try {
    f()
  } catch (error) {
    return error
  }
  return undefined
}
const demandTypeError = (what: string, f: () => unknown): void =>
  demand(threw(f) instanceof TypeError, `${what} throws no TypeError`)

const url = (entry: Fields): void => {
  const { input, base, failure } = entry as { input: string; base: string | null; failure?: true }
  const against = base ?? undefined
  if (failure === true) {
    demandTypeError("new URL", () => new URL(input, against))
    same("URL.canParse", URL.canParse(input, against), false)
    same("URL.parse", URL.parse(input, against), null)
    if (base === null) {
      const there = new URL("about:blank")
      demandTypeError("href's setter", () => {
        there.href = input
      })
    }
    return
  }
  const parsed = new URL(input, against)
  for (const part of [...PARTS, ...MORE_PARTS]) if (part in entry) same(part, parsed[part], entry[part])
  if ("searchParams" in entry) same("searchParams", String(parsed.searchParams), entry["searchParams"])
  same("URL.canParse", URL.canParse(input, against), true)
  same("URL.parse", URL.parse(input, against)?.href, parsed.href)
  same("the serialization, parsed again,", new URL(parsed.href).href, parsed.href)
}

const setter = (entry: Fields): void => {
  const {
    setter: name,
    href,
    new_value: value,
    expected
  } = entry as {
    setter: "href"
    href: string
    new_value: string
    expected: Readonly<Record<string, string>>
  }
  const changed = new URL(href)
  changed[name] = value
  for (const [part, wanted] of Object.entries(expected)) same(part, changed[part as "href"], wanted)
}

const base64 = (entry: Fields): void => {
  const [text, bytes] = entry as unknown as readonly [string, ReadonlyArray<number> | null]
  if (bytes === null) {
    const error = threw(() => atob(text))
    demand(
      error instanceof DOMException && error.name === "InvalidCharacterError" && error.code === 5,
      "atob throws no InvalidCharacterError"
    )
    return
  }
  const decoded = atob(text)
  demand(
    alike(
      Array.from(decoded, (one) => one.charCodeAt(0)),
      bytes
    ),
    `atob gives ${quote(decoded)}`
  )
  same("atob of btoa", atob(btoa(decoded)), decoded)
}

interface PatternEntry {
  readonly pattern: ReadonlyArray<never>
  readonly inputs?: ReadonlyArray<never>
  readonly expected_obj?: "error" | Readonly<Record<string, string>>
  readonly expected_match?: "error" | null | Readonly<Record<string, unknown>>
  readonly exactly_empty_components?: ReadonlyArray<string>
}

/** What a component's pattern has to be, as far as the data says it. */
const expectedPattern = (entry: PatternEntry, component: string): string | undefined => {
  if (typeof entry.expected_obj === "object" && component in entry.expected_obj) {
    return entry.expected_obj[component]
  }
  if (entry.exactly_empty_components?.includes(component) === true) return ""
  const [first] = entry.pattern as ReadonlyArray<unknown>
  if (typeof first === "object" && first !== null && typeof (first as Fields)[component] === "string") {
    return (first as Record<string, string>)[component]
  }
  return undefined
}

const expectedResult = (entry: PatternEntry, component: string): unknown => {
  const { groups, input } = ((entry.expected_match as Fields)[component] ?? {}) as {
    groups?: Record<string, string | null>
    input?: string
  }
  if (groups === undefined || input === undefined) {
    return {
      input: "",
      groups: entry.exactly_empty_components?.includes(component) === true ? {} : { "0": "" }
    }
  }
  // JSON has no undefined: a group that takes no part is null there
  return {
    input,
    groups: Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, value ?? undefined]))
  }
}

const pattern = (fields: Fields): void => {
  const entry = fields as unknown as PatternEntry
  if (entry.expected_obj === "error") {
    demandTypeError("new URLPattern", () => new URLPattern(...entry.pattern))
    return
  }
  const made = new URLPattern(...entry.pattern)
  for (const component of COMPONENTS) {
    const wanted = expectedPattern(entry, component)
    if (wanted !== undefined) same(`the pattern's ${component}`, made[component], wanted)
  }
  const inputs = entry.inputs ?? []
  if (entry.expected_match === "error") {
    demandTypeError("test", () => made.test(...inputs))
    demandTypeError("exec", () => made.exec(...inputs))
    return
  }
  if (!("expected_match" in entry)) return
  same("test", made.test(...inputs), entry.expected_match !== null)
  const found = made.exec(...inputs) as unknown as Fields | null
  if (entry.expected_match === null) return same("exec", found, null)
  if (found === null) throw new Error("exec finds nothing")
  const told = (entry.expected_match as Fields)["inputs"] ?? inputs
  demand(alike(found["inputs"], told), `inputs are ${quote(found["inputs"])}`)
  for (const component of COMPONENTS) {
    const wanted = expectedResult(entry, component)
    demand(
      alike(found[component], wanted),
      `exec's ${component} is ${quote(found[component])}, not ${quote(wanted)}`
    )
  }
}

const RUNNERS: Readonly<Record<string, (entry: Fields) => void>> = { url, setter, base64, pattern }

/** Runs entries of one kind; per entry the failure's message, or null. */
export const runEntries = (kind: string, entries: ReadonlyArray<Fields>): ReadonlyArray<string | null> => {
  const run = RUNNERS[kind] as (entry: Fields) => void
  return entries.map((entry) => {
    const error = threw(() => run(entry))
    return error === undefined ? null : String((error as Error).message ?? error)
  })
}
