import type * as FetchSegment from "../segments/fetch.ts"
import type * as UrlSegment from "../segments/url.ts"
import { append, matches, ownField, replaceEach, startsWith, toLowerCase } from "../webidl/primordials.ts"
import { asString, isArray, keys, setPrototypeOf } from "./intrinsics.ts"
import { native } from "./native.ts"

/** What the host says of an invocation. Nothing of it is checked yet. */
export interface InvokePayload {
  readonly method?: unknown
  readonly path?: unknown
  readonly url?: unknown
  readonly headers?: unknown
  readonly query?: unknown
  readonly body?: unknown
  readonly deadline_ms?: unknown
  readonly trace?: unknown
}

type Signal = ReturnType<FetchSegment.WireRequest["signal"]>

/** Characters of a `Host` that leave a URL what it is: no way into its path, its user or its query. */
const PLAIN_HOST = /^[\w.:[\]-]+$/
const DEFAULT_ORIGIN = "http://localhost"
let lastHost = ""
let lastOrigin = DEFAULT_ORIGIN

const originOf = (host: unknown): string => {
  if (typeof host !== "string" || host === "") return DEFAULT_ORIGIN
  if (host === lastHost) return lastOrigin
  lastHost = host
  lastOrigin = matches(PLAIN_HOST, host) ? `http://${host}` : DEFAULT_ORIGIN
  return lastOrigin
}

/** Path and query: as they came (1.1), or put together from a 1.0 host's path and map. */
const targetOf = (payload: InvokePayload): string => {
  let target = typeof payload.url === "string" ? payload.url : pathAndQuery(payload)
  // a fragment never travels: a bare `#` can only be data
  target = replaceEach(target, "#", "%23")
  return startsWith(target, "/") ? target : `/${target}`
}

const pathAndQuery = ({ path, query }: InvokePayload): string => {
  const target = typeof path === "string" ? replaceEach(path, "?", "%3F") : "/"
  if (typeof query !== "object" || query === null) return target
  const namesAndValues: Array<string> = []
  const names = keys(query)
  for (let i = 0; i < names.length; i += 1) {
    append(namesAndValues, names[i] as string)
    append(namesAndValues, asString(ownField(query, names[i] as string)))
  }
  if (namesAndValues.length === 0) return target
  const { serializeUrlencoded } = native.segment("url") as unknown as typeof UrlSegment
  return `${target}?${serializeUrlencoded(namesAndValues)}`
}

const joined = (cookies: ReadonlyArray<unknown>): string => {
  let all = ""
  for (let i = 0; i < cookies.length; i += 1)
    if (typeof cookies[i] === "string") all += all === "" ? cookies[i] : `; ${cookies[i] as string}`
  return all
}

/** The standard Request of an `invoke`. */
export const toRequest = (id: string, payload: InvokePayload, signal: () => Signal): unknown => {
  const { requestFromWire } = native.segment("fetch") as unknown as typeof FetchSegment
  const given = payload.headers
  const headers = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>
  setPrototypeOf(headers, null)
  // in whatever case it was sent
  for (const name in headers) if (toLowerCase(name) === "x-invocation-id") delete headers[name]
  headers["x-invocation-id"] = id
  const { cookie } = headers
  // several are one in the end (HTTP/2 cuts them), and not joined like other headers
  if (isArray(cookie)) headers["cookie"] = joined(cookie)
  if (typeof payload.trace === "string") headers["traceparent"] ??= payload.trace
  return requestFromWire({
    method: typeof payload.method === "string" && payload.method !== "" ? payload.method : "GET",
    origin: originOf(headers["host"]),
    target: targetOf(payload),
    headers,
    body: typeof payload.body === "string" ? payload.body : "",
    signal
  })
}
