/** What C has for URLs (src/url.cc, src/urlpattern.cc). Texts may hold lone surrogates: they count as U+FFFD. */
export interface UrlNative {
  /**
   * Where the parts are in the serialization that `parse` or `set` returned last: protocol's end, username's end, host's
   * start and end, port number, pathname's start, search's start, hash's start; `ABSENT` for no port, search or hash.
   */
  readonly parts: Uint32Array
  /** The serialization of the URL, or null where it is none. */
  readonly parse: (input: string, base: string | undefined) => string | null
  readonly canParse: (input: string, base: string | undefined) => boolean
  /** The serialization after one of the `Setter`s; the same where the value is refused. */
  readonly set: (href: string, which: Setter, value: string) => string
  readonly origin: (href: string) => string
  /** application/x-www-form-urlencoded text as names and values in turn. */
  readonly parseForm: (text: string) => Array<string>
  readonly serializeForm: (namesAndValues: ReadonlyArray<string>, length: number) => string
  /** A compiled pattern, opaque. Throws TypeError. See js/urlpattern/URLPattern.ts for the order of the components. */
  readonly patternNew: (
    input: string | ReadonlyArray<string | undefined>,
    base: string | undefined,
    ignoreCase: boolean
  ) => object
  readonly patternTest: (
    pattern: object,
    input: string | ReadonlyArray<string | undefined>,
    base: string | undefined
  ) => boolean
  /** Per component its input, then its groups' names and values in turn; null where the pattern does not match. */
  readonly patternExec: (
    pattern: object,
    input: string | ReadonlyArray<string | undefined>,
    base: string | undefined
  ) => Array<Array<string | undefined>> | null
  readonly patternGet: (pattern: object, component: number) => string
  readonly patternHasGroups: (pattern: object) => boolean
}

/** Stands for an offset that is not there. */
export const ABSENT = 0xffffffff

/** Numbers of the setters, as url.cc has them. */
export const Setter = {
  protocol: 0,
  username: 1,
  password: 2,
  host: 3,
  hostname: 4,
  port: 5,
  pathname: 6,
  search: 7,
  hash: 8
} as const
export type Setter = (typeof Setter)[keyof typeof Setter]
