import type { Capabilities } from "../domain/Capabilities.ts"
import { FETCH_MARK } from "../protocol/FetchMark.ts"
import { HOP_BY_HOP } from "../protocol/HopByHop.ts"
import type { FetchRequest, ResultPayload, WireHeaders } from "../protocol/worker/Wire.ts"
import { fetchRefusal } from "./FetchAllowance.ts"

/** As many as browsers follow (the Fetch standard). */
const MOST_REDIRECTS = 20
const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** Names that belong to the connection, not to the request; the host's own connection has its own. */
const OF_THE_CONNECTION = new Set([...HOP_BY_HOP, "content-length", "expect", "host"])
/** What is told to one origin only. */
const OF_THE_ORIGIN = ["authorization", "cookie"]
const OF_THE_BODY = ["content-encoding", "content-language", "content-location", "content-type"]
const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"])

/**
 * What is being held of bodies that functions fetch, over all of them: of requests as long as they are under way, of answers
 * until the worker has read them. `take` says whether so many more bytes may be.
 */
export interface FetchBudget {
  readonly take: (bytes: number) => boolean
  readonly give: (bytes: number) => void
}

export const fetchBudget = (limitBytes: number): FetchBudget => {
  let held = 0
  return {
    take: (bytes) => {
      if (held + bytes > limitBytes) return false
      held += bytes
      return true
    },
    give: (bytes) => {
      held -= bytes
    }
  }
}

export interface FetchRules {
  readonly capabilities: Capabilities
  /** Of a request's and of a response's body. */
  readonly maxBodyBytes: number
  readonly budget: FetchBudget
}

type Result = ResultPayload extends infer R ? (R extends unknown ? Omit<R, "call_id"> : never) : never

const refused = (name: string, message: string, code?: string): Result => ({
  ok: false,
  error: { name, message, ...(code === undefined ? {} : { code }) }
})

const headersFrom = (wire: WireHeaders): Headers => {
  const headers = new Headers()
  for (const [name, value] of Object.entries(wire)) {
    if (OF_THE_CONNECTION.has(name.toLowerCase())) continue
    for (const one of typeof value === "string" ? [value] : value) headers.append(name, one)
  }
  return headers
}

/** The answer's headers as they are said to the worker; the body is not compressed any more when it gets there. */
const headersOf = (response: Response): WireHeaders => {
  const headers: Record<string, string | ReadonlyArray<string>> = {}
  const wasCompressed = response.headers.has("content-encoding")
  for (const [name, value] of response.headers) {
    if (name === "set-cookie" || OF_THE_CONNECTION.has(name)) continue
    if (wasCompressed && name === "content-encoding") continue
    headers[name] = value
  }
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) headers["set-cookie"] = cookies
  return headers
}

/** The body, or what to answer where it does not fit. What was taken of the budget is the caller's to give back. */
const bodyOf = async (
  response: Response,
  { budget, maxBodyBytes }: FetchRules
): Promise<{
  readonly chunks: ReadonlyArray<Uint8Array>
  readonly taken: number
  readonly fault: Result | null
}> => {
  const chunks: Array<Uint8Array> = []
  let taken = 0
  const reader = response.body?.getReader()
  if (reader === undefined) return { chunks, taken, fault: null }
  const stop = (message: string) => {
    // What comes after it is not waited for; whether that could be told to the other side is of no interest.
    reader.cancel().catch(() => {})
    return { chunks: [], taken, fault: refused("TypeError", message) }
  }
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { chunks, taken, fault: null }
      if (taken + value.length > maxBodyBytes)
        return stop(`the response is larger than ${maxBodyBytes} bytes`)
      if (!budget.take(value.length)) {
        return stop("the server holds too many fetched bytes at the moment; try again")
      }
      taken += value.length
      chunks.push(value)
    }
  } catch (cause) {
    budget.give(taken)
    throw cause
  }
}

/** One hop's request, and whether another host's rules apply to the next. */
interface Hop {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly body: Uint8Array | null
}

/** The request after a redirect, by the Fetch standard: what changes its method loses its body, what leaves the origin its secrets. */
const redirected = (hop: Hop, status: number, to: URL): Hop => {
  const headers = new Headers(hop.headers)
  const turnsToGet =
    (status === 303 && hop.method !== "GET" && hop.method !== "HEAD") ||
    ((status === 301 || status === 302) && hop.method === "POST")
  if (turnsToGet) for (const name of OF_THE_BODY) headers.delete(name)
  if (to.origin !== hop.url.origin) for (const name of OF_THE_ORIGIN) headers.delete(name)
  return {
    url: to,
    method: turnsToGet ? "GET" : hop.method,
    headers,
    body: turnsToGet ? null : hop.body
  }
}

/** Says that a function makes the request, to whoever must not take it for its operator's. No function can leave it out. */
const marked = (headers: Headers): Headers => {
  headers.set(FETCH_MARK, "1")
  return headers
}

const isHttp = (url: URL): boolean => url.protocol === "http:" || url.protocol === "https:"

const firstHop = (request: FetchRequest, maxBodyBytes: number): Hop | Result => {
  if (!URL.canParse(request.url)) return refused("TypeError", "the URL is not valid")
  const url = new URL(request.url)
  const method = request.method
  if (FORBIDDEN_METHODS.has(method.toUpperCase()))
    return refused("TypeError", `the method ${method} is not allowed`)
  const body = request.body === "" ? null : Buffer.from(request.body, "base64")
  if (body !== null && body.length > maxBodyBytes) {
    return refused("TypeError", `the request's body is larger than ${maxBodyBytes} bytes`)
  }
  try {
    return { url, method, headers: headersFrom(request.headers), body }
  } catch {
    return refused("TypeError", "a header's name or value is not valid")
  }
}

/**
 * Fetches for a worker that has no network of its own, by the function's capabilities. Redirects are followed here, so that
 * each of their hosts is asked about. Rejects only with the signal's reason.
 */
export const hostFetch = async (
  request: FetchRequest,
  rules: FetchRules,
  signal: AbortSignal
): Promise<Result> => {
  const first = firstHop(request, rules.maxBodyBytes)
  if ("ok" in first) return first
  let hop = first
  for (let redirects = 0; ; redirects += 1) {
    // Bun's own fetch also takes file:, data: and others; a function is to reach none of them this way.
    if (!isHttp(hop.url)) return refused("TypeError", `fetch does not take ${hop.url.protocol} URLs`)
    const refusal = fetchRefusal(rules.capabilities, hop.url)
    if (refusal !== null) return refused("PermissionDenied", refusal, "PERMISSION_DENIED")
    let response: Response
    try {
      response = await fetch(hop.url, {
        method: hop.method,
        headers: marked(hop.headers),
        body: hop.body,
        redirect: "manual",
        signal
      })
    } catch (cause) {
      signal.throwIfAborted()
      return refused(
        "TypeError",
        `fetch from ${hop.url.host} failed: ${cause instanceof Error ? cause.message : String(cause)}`
      )
    }
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null
    if (location === null || request.redirect === "manual") {
      return await answerOf(response, hop.url, redirects > 0, rules, signal)
    }
    response.body?.cancel().catch(() => {})
    if (request.redirect === "error")
      return refused("TypeError", `${hop.url.host} redirects, which this request forbids`)
    if (redirects >= MOST_REDIRECTS)
      return refused("TypeError", `there are more than ${MOST_REDIRECTS} redirects`)
    if (!URL.canParse(location, hop.url.href)) return refused("TypeError", "the redirect's URL is not valid")
    hop = redirected(hop, response.status, new URL(location, hop.url))
  }
}

const answerOf = async (
  response: Response,
  url: URL,
  wasRedirected: boolean,
  rules: FetchRules,
  signal: AbortSignal
): Promise<Result> => {
  let read: Awaited<ReturnType<typeof bodyOf>>
  try {
    read = await bodyOf(response, rules)
  } catch (cause) {
    signal.throwIfAborted()
    return refused(
      "TypeError",
      `the response of ${url.host} broke off: ${cause instanceof Error ? cause.message : String(cause)}`
    )
  }
  try {
    if (read.fault !== null) return read.fault
    const shown = new URL(url)
    shown.hash = ""
    return {
      ok: true,
      response: {
        status: response.status,
        status_text: response.statusText,
        url: shown.href,
        redirected: wasRedirected,
        headers: headersOf(response),
        body: Buffer.concat(read.chunks).toString("base64")
      }
    }
  } finally {
    rules.budget.give(read.taken)
  }
}
