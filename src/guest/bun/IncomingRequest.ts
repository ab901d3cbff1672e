import type { InvokePayload, WireHeaders } from "../../protocol/worker/Wire.ts"
import {
  apply,
  bufferFrom,
  defineProperty,
  headersAppend,
  headersSet,
  isArray,
  NativeHeaders,
  NativeRequest,
  NativeURLSearchParams,
  regExpTest,
  requestMethod
} from "./Intrinsics.ts"

/** Characters of a `Host` that leave a URL what it is: no way into its path, its user or its query. */
const PLAIN_HOST = /^[\w.:[\]-]+$/
const DEFAULT_ORIGIN = "http://localhost"
let lastHost = ""
let lastOrigin = DEFAULT_ORIGIN

const originOf = (host: unknown): string => {
  if (typeof host !== "string" || host === "") return DEFAULT_ORIGIN
  if (host === lastHost) return lastOrigin
  lastHost = host
  lastOrigin = (apply(regExpTest, PLAIN_HOST, [host]) as boolean) ? `http://${host}` : DEFAULT_ORIGIN
  return lastOrigin
}

/** Path and query: as they came (1.1), or put together from a 1.0 host's path and map. */
const targetOf = (payload: InvokePayload): string => {
  let target = payload.url
  if (typeof target !== "string") {
    target = typeof payload.path === "string" ? payload.path.replaceAll("?", "%3F") : "/"
    const { query } = payload
    if (typeof query === "object" && query !== null) {
      const encoded = new NativeURLSearchParams(query).toString()
      if (encoded !== "") target += `?${encoded}`
    }
  }
  // a fragment never travels: a bare `#` can only be data
  if (target.includes("#")) target = target.replaceAll("#", "%23")
  return target.startsWith("/") ? target : `/${target}`
}

const INVOCATION_ID = "x-invocation-id"
const ANY_INVOCATION_ID = /^x-invocation-id$/i
/** In whatever case: the worker alone says what it is. */
const isInvocationId = (name: string): boolean =>
  name.length === INVOCATION_ID.length && (apply(regExpTest, ANY_INVOCATION_ID, [name]) as boolean)

/**
 * The headers with `x-invocation-id` (and `traceparent`) put in. A map of single strings is what nearly every request
 * has, and is handed to `Request` as it is.
 */
const headersOf = (id: string, payload: InvokePayload): Record<string, string> | Headers => {
  const { headers, trace } = payload
  if (typeof headers !== "object" || headers === null) return { [INVOCATION_ID]: id }
  let plain = true
  for (const name in headers) {
    if (typeof headers[name] !== "string") {
      plain = false
      break
    }
    if (isInvocationId(name)) delete (headers as Record<string, unknown>)[name]
  }
  if (!plain) return repeatedHeaders(id, headers, trace)
  const map = headers as Record<string, string>
  map[INVOCATION_ID] = id
  if (typeof trace === "string") map["traceparent"] ??= trace
  return map
}

/** One by one: arrays are appended; what is no header at all (the host's mistake) is left out. */
const repeatedHeaders = (id: string, wire: WireHeaders, trace: unknown): Headers => {
  const headers = new NativeHeaders()
  const add = (name: string, value: unknown): void => {
    if (typeof value !== "string") return
    try {
      apply(headersAppend, headers, [name, value])
    } catch {
      // not expressible
    }
  }
  for (const name in wire) {
    if (isInvocationId(name)) continue
    const held = wire[name]
    if (isArray(held)) for (let i = 0; i < held.length; i += 1) add(name, held[i])
    else add(name, held)
  }
  if (typeof trace === "string" && wire["traceparent"] === undefined) add("traceparent", trace)
  try {
    apply(headersSet, headers, [INVOCATION_ID, id])
  } catch {
    // an id that no header can carry
  }
  return headers
}

/** The standard Request of an `invoke`. Throws when its fields cannot make one. */
export const toRequest = (id: string, payload: InvokePayload, signal: AbortSignal): Request => {
  const method = typeof payload.method === "string" && payload.method !== "" ? payload.method : "GET"
  const encoded = payload.body
  const body =
    typeof encoded === "string" && encoded !== "" && method !== "GET" && method !== "HEAD"
      ? bufferFrom(encoded, "base64")
      : null
  const url = originOf(payload.headers?.["host"]) + targetOf(payload)
  const headers = headersOf(id, payload)
  let request: Request
  try {
    request = new NativeRequest(url, { method, headers, body, signal })
  } catch {
    // one header or the host's name was not acceptable: without it
    request = new NativeRequest(DEFAULT_ORIGIN + targetOf(payload), {
      method,
      headers: repeatedHeaders(id, payload.headers ?? {}, payload.trace),
      body,
      signal
    })
  }
  // Bun makes GET of every method that it does not know
  if (method !== "GET" && apply(requestMethod, request, []) === "GET") {
    defineProperty(request, "method", { value: method, enumerable: true, configurable: true })
  }
  return request
}
