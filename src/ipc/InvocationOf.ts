import { InvalidRequest, PayloadTooLarge, type Violation } from "../domain/Errors.ts"
import { takeInvocationId } from "../domain/Ids.ts"
import type { Forgetful, RequestHeaders } from "../domain/Invocation.ts"
import { isFunctionMethod, METHOD_ADVICE } from "../protocol/FunctionMethods.ts"
import { stripHopByHop } from "../protocol/HopByHop.ts"
import type { InvokeRequest } from "../protocol/socket/InvokeRequest.ts"
import { requestUrl } from "../protocol/socket/requestUrl.ts"

/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/
// What a Headers object takes: Latin-1 without NUL and line breaks; other control characters serve nobody either.
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
// oxlint-disable-next-line no-control-regex -- they are what it looks for
const CONTROL = /[\x00-\x1f\x7f]/

/**
 * An invocation from a request whose shape is right: fills in what was left out and checks what only HTTP's rules can
 * (FN_006 with every violation; 413 for the body). Whatever passes can be made into a `Request` by any worker.
 */
export const invocationOf = (
  request: InvokeRequest,
  maxRequestBytes: number
): Forgetful | InvalidRequest | PayloadTooLarge => {
  const violations: Array<Violation> = []
  const method = methodOf(request.method, violations)
  const url = urlOf(request, violations)
  const headers = headersOf(request.headers, violations)
  let body: Uint8Array | null = null
  if (typeof request.body === "string" && request.body !== "") {
    const decoded = bodyOf(request.body, maxRequestBytes)
    if (decoded === null)
      violations.push({ field: "body", message: "use base64 with padding (RFC 4648, section 4)" })
    else if (decoded === "too_large") {
      return new PayloadTooLarge({
        what: "the request body",
        limitBytes: maxRequestBytes,
        option: "max_request_bytes"
      })
    } else body = decoded
  }
  if (violations.length > 0) return new InvalidRequest({ violations })

  // As in fetch and over HTTP, these have no body.
  if (method === "GET" || method === "HEAD" || body?.length === 0) body = null
  if (headers["content-length"] !== undefined) {
    if (body === null) delete headers["content-length"]
    else headers["content-length"] = String(body.length)
  }
  const id = takeInvocationId(headers)
  const end = url.indexOf("?")
  const trace = headers["traceparent"]
  return {
    id,
    method,
    path: end === -1 ? url : url.slice(0, end),
    url,
    headers,
    body,
    ...(typeof trace === "string" ? { trace } : {}),
    ...(typeof request.deadline_ms === "number" ? { deadlineMs: request.deadline_ms } : {})
  }
}

const methodOf = (given: string | null | undefined, violations: Array<Violation>): string => {
  if (given === undefined || given === null || given === "") return "GET"
  const method = given.toUpperCase()
  if (isFunctionMethod(method)) return method
  violations.push({
    field: "method",
    value: given.slice(0, 100),
    message: METHOD_ADVICE
  })
  return "GET"
}

/** `url` as it is, or `path` and `query` put together; with everything encoded that a URL cannot hold as it is. */
const urlOf = (request: InvokeRequest, violations: Array<Violation>): string => {
  const whole = typeof request.url === "string" && request.url !== ""
  const field = whole ? "url" : "path"
  const given = whole ? (request.url as string) : request.path || "/"
  if (!given.startsWith("/") || CONTROL.test(given)) {
    violations.push({
      field,
      value: given.slice(0, 100),
      message: "use a path that begins with '/', without control characters"
    })
    return "/"
  }
  return requestUrl(given, whole ? undefined : request.query)
}

const headersOf = (
  given: Readonly<Record<string, string | ReadonlyArray<string>>> | null | undefined,
  violations: Array<Violation>
): RequestHeaders => {
  // Without a prototype: a header may be called __proto__.
  const headers = Object.create(null) as RequestHeaders
  if (given === undefined || given === null) return headers
  for (const spelled in given) {
    const name = spelled.toLowerCase()
    if (!TOKEN.test(spelled)) {
      violations.push({
        field: `headers.${spelled.slice(0, 100)}`,
        message: "use a header name: letters, digits and hyphens"
      })
      continue
    }
    const value = given[spelled] as string | ReadonlyArray<string>
    const values = typeof value === "string" ? [value] : value
    if (!values.every((one) => HEADER_VALUE.test(one))) {
      violations.push({
        field: `headers.${spelled}`,
        message: "a header value cannot hold line breaks, control characters, or characters beyond Latin-1"
      })
      continue
    }
    const before = headers[name]
    const all =
      before === undefined ? values : [...(typeof before === "string" ? [before] : before), ...values]
    if (all.length > 0) headers[name] = all.length === 1 ? (all[0] as string) : all
  }
  // Said to the hop before, which may have been HTTP: it means nothing here.
  stripHopByHop(headers)
  const host = headers["host"]
  if (host !== undefined && (typeof host !== "string" || host.includes(","))) {
    violations.push({ field: "headers.host", message: "send one Host header" })
  }
  return headers
}

const bodyOf = (base64: string, maxBytes: number): Uint8Array | null | "too_large" => {
  try {
    const body = Uint8Array.fromBase64(base64, { lastChunkHandling: "strict" })
    return body.length > maxBytes ? "too_large" : body
  } catch {
    return null
  }
}
