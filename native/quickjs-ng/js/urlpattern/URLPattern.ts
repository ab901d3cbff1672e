import { urlNative as native } from "bunbase:url"
import { dictionary, usvString } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"

/** The components in the order of src/urlpattern.cc. */
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
type Component = (typeof COMPONENTS)[number]

/** The members of a URLPatternInit, in the order in which WebIDL reads them; and where each is in what C is given. */
const MEMBERS = [
  ["baseURL", 8],
  ["hash", 7],
  ["hostname", 3],
  ["password", 2],
  ["pathname", 5],
  ["port", 4],
  ["protocol", 0],
  ["search", 6],
  ["username", 1]
] as const

type Init = Record<string, string>
interface Input {
  /** As a match tells it. */
  readonly told: string | Init
  readonly forNative: string | ReadonlyArray<string | undefined>
}

interface ComponentResult {
  readonly input: string
  readonly groups: Record<string, string | undefined>
}

/** WebIDL's `(USVString or URLPatternInit)`. */
const inputOf = (value: unknown): Input => {
  if (value !== undefined && value !== null && !isObject(value)) {
    const text = usvString(value)
    return { told: text, forNative: text }
  }
  const given = dictionary(value, "URLPattern")
  const told: Init = {}
  const list: Array<string | undefined> = Array.from({ length: COMPONENTS.length + 1 })
  for (const [member, place] of MEMBERS) {
    const item = given[member]
    if (item === undefined) continue
    const text = usvString(item)
    told[member] = text
    list[place] = text
  }
  return { told, forNative: list }
}

const ignoresCase = (options: unknown): boolean => Boolean(dictionary(options, "URLPattern")["ignoreCase"])

/** What the arguments of the two constructors are: WebIDL tells them apart by their number and the second one's type. */
const constructorArguments = (
  args: ReadonlyArray<unknown>
): { base: string | undefined; ignoreCase: boolean } => {
  const second = args[1]
  if (args.length > 2) return { base: usvString(second), ignoreCase: ignoresCase(args[2]) }
  if (second === undefined || second === null || isObject(second)) {
    return { base: undefined, ignoreCase: ignoresCase(second) }
  }
  return { base: usvString(second), ignoreCase: false }
}

const resultOf = (list: ReadonlyArray<string | undefined>): ComponentResult => {
  const groups: Record<string, string | undefined> = {}
  for (let i = 1; i + 1 < list.length; i += 2) groups[list[i] as string] = list[i + 1]
  return { groups, input: list[0] as string }
}

/** URL Pattern standard, 1.2. */
export class URLPattern {
  #pattern: object

  constructor(...given: ReadonlyArray<unknown>) {
    const { base, ignoreCase } = constructorArguments(given)
    this.#pattern = native.patternNew(inputOf(given[0]).forNative, base, ignoreCase)
  }

  get protocol(): string {
    return native.patternGet(this.#pattern, 0)
  }

  get username(): string {
    return native.patternGet(this.#pattern, 1)
  }

  get password(): string {
    return native.patternGet(this.#pattern, 2)
  }

  get hostname(): string {
    return native.patternGet(this.#pattern, 3)
  }

  get port(): string {
    return native.patternGet(this.#pattern, 4)
  }

  get pathname(): string {
    return native.patternGet(this.#pattern, 5)
  }

  get search(): string {
    return native.patternGet(this.#pattern, 6)
  }

  get hash(): string {
    return native.patternGet(this.#pattern, 7)
  }

  get hasRegExpGroups(): boolean {
    return native.patternHasGroups(this.#pattern)
  }

  test(input: unknown = undefined, baseURL: unknown = undefined): boolean {
    const pattern = this.#pattern
    const given = inputOf(input)
    const base = baseURL === undefined ? undefined : usvString(baseURL)
    return native.patternTest(pattern, given.forNative, base)
  }

  exec(input: unknown = undefined, baseURL: unknown = undefined): object | null {
    const pattern = this.#pattern
    const given = inputOf(input)
    const base = baseURL === undefined ? undefined : usvString(baseURL)
    const found = native.patternExec(pattern, given.forNative, base)
    if (found === null) return null
    const of = (component: Component): ComponentResult =>
      resultOf(found[COMPONENTS.indexOf(component)] as Array<string | undefined>)
    // The members of a dictionary come in the order of their names.
    return {
      hash: of("hash"),
      hostname: of("hostname"),
      inputs: base === undefined ? [given.told] : [given.told, base],
      password: of("password"),
      pathname: of("pathname"),
      port: of("port"),
      protocol: of("protocol"),
      search: of("search"),
      username: of("username")
    }
  }
}

describeInterface(URLPattern, "URLPattern", 0)
