import { native } from "bunbase:core"
import type { UrlNative } from "../url/native.ts"
import { usvString } from "../webidl/convert.ts"

const CREDENTIALS = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*@/

/** The parser itself: the URL class is not needed, and not loaded, for it. */
let parser: UrlNative | null = null
const parse = (text: string, base?: string): string | null => (parser ??= native.url()).parse(text, base)

/** The serialization of an absolute URL (a worker has no address of its own that others could be relative to), or null. */
export const parseUrl = (text: string): string | null => parse(text)

/** Whether a serialized URL holds a user name or a password. */
export const hasCredentials = (href: string): boolean => CREDENTIALS.test(href)

export const withoutFragment = (href: string): string => {
  const at = href.indexOf("#")
  return at < 0 ? href : href.slice(0, at)
}

const SCHEME = /^[\0-\x20]*[A-Za-z][A-Za-z\d+.-]*:/
const UNPRINTABLE = /[^\x21-\x7e]+/g

/**
 * The `Location` of a redirect: an absolute URL, serialized; or a reference, which stays what it is, for only the caller of
 * the function knows the address that it counts from.
 */
export const resolveLocation = (given: unknown, what: string): string => {
  const text = usvString(given)
  const absolute = parseUrl(text)
  if (absolute !== null) return absolute
  if (SCHEME.test(text) || parse(text, "http://localhost/") === null) {
    throw new TypeError(`${what}: ${JSON.stringify(text)} is no URL`)
  }
  return text.replace(UNPRINTABLE, encodeURIComponent)
}

// hosts that no parser touches: names whose last label has letters only, no `xn--`; no port that could be the default
const PLAIN_ORIGIN =
  /^http:\/\/(?:localhost|127\.0\.0\.1|(?:(?!xn--)[a-z\d]+(?:-[a-z\d]+)*\.)+[a-z]{2,})(?::(?:8[1-9]|9\d|[1-9]\d{2,3}|[1-5]\d{4}))?$/
// neither what is encoded nor what is resolved
const PLAIN_TARGET = /^\/(?:[\w~!$&()*+,;=:@/?.-]|%[\dA-Fa-f]{2})*$/
const DOTS = /\/\.|%2e/i

/** Whether origin and target, put together, are what the parser would give back for them: then it need not be asked. */
export const isPlainUrl = (origin: string, target: string): boolean =>
  PLAIN_ORIGIN.test(origin) && PLAIN_TARGET.test(target) && !DOTS.test(target)
