import type { Headers as HeaderMap, InvocationResult } from "../domain/Invocation.ts"

/** A request's headers on their way to the handler; changed in place, because the map was made for this call. */
export type RequestHeaders = Record<string, string | ReadonlyArray<string>>

/**
 * Removes what is said to this hop only (RFC 9110, 7.6.1): Connection and whatever it names, and the fields that are
 * hop-by-hop by definition. The names are looked up one by one: a request has most of them never, and walking through
 * all of its headers costs more.
 */
export const stripHopByHop = (headers: RequestHeaders): void => {
  const connection = headers["connection"]
  if (connection !== undefined) {
    if (typeof connection === "string" && connection !== "keep-alive") {
      for (const token of connection.split(",")) {
        const name = token.trim().toLowerCase()
        // Naming an end-to-end field here must not hide it from the handler: the two that the gateway itself answers for.
        if (name !== "host" && name !== "x-invocation-id") delete headers[name]
      }
    }
    delete headers["connection"]
  }
  if (headers["keep-alive"] !== undefined) delete headers["keep-alive"]
  if (headers["te"] !== undefined) delete headers["te"]
  if (headers["trailer"] !== undefined) delete headers["trailer"]
  if (headers["transfer-encoding"] !== undefined) delete headers["transfer-encoding"]
  if (headers["upgrade"] !== undefined) delete headers["upgrade"]
  if (headers["proxy-connection"] !== undefined) delete headers["proxy-connection"]
  if (headers["proxy-authorization"] !== undefined) delete headers["proxy-authorization"]
  if (headers["proxy-authenticate"] !== undefined) delete headers["proxy-authenticate"]
  if (headers["proxy-authentication-info"] !== undefined) delete headers["proxy-authentication-info"]
}

/** What of a handler's headers is not passed on: hop-by-hop fields, and those that follow from the message itself. */
const withheld: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "proxy-authentication-info",
  "content-length",
  "x-invocation-id"
])

/** Statuses whose answers have no body, whatever the handler gave (RFC 9110, 15). */
const hasNoBody = (status: number): boolean => status === 204 || status === 205 || status === 304

/**
 * The HTTP answer of what a handler answered: status, headers (several `Set-Cookie` stay several) and bytes as they are,
 * without hop-by-hop fields and without a content type that the handler did not give. `Content-Length` follows from the
 * body; to HEAD it says what the handler said, or how long the body is that is left out.
 *
 * Throws a TypeError where a header cannot be sent (a line break, a character beyond Latin-1).
 */
export const responseOf = (result: InvocationResult, invocationId: string, head: boolean): Response => {
  const given = result.headers
  const { body, status } = result
  const headers: Record<string, string> = { "x-invocation-id": invocationId }
  const nominated = given["connection"] === undefined ? null : nominatedBy(given["connection"])
  let repeated: Array<string> | null = null
  for (const name in given) {
    if (withheld.has(name) || nominated?.has(name) === true) continue
    const value = given[name]
    if (typeof value === "string") headers[name] = value
    else (repeated ??= []).push(name)
  }
  const length = given["content-length"]
  if (typeof length === "string" && ((head && body.length === 0) || status === 304))
    headers["content-length"] = length
  const type = headers["content-type"]
  if (type === "") delete headers["content-type"]
  const content = body.length === 0 || hasNoBody(status) ? null : type || head ? body : untyped(body)
  const response = new Response(content, { status, headers })
  if (repeated !== null) appendRepeated(response, given, repeated)
  return response
}

const nominatedBy = (connection: string | ReadonlyArray<string>): ReadonlySet<string> => {
  const values = typeof connection === "string" ? [connection] : connection
  return new Set(values.flatMap((value) => value.split(",").map((token) => token.trim().toLowerCase())))
}

const appendRepeated = (response: Response, given: HeaderMap, names: ReadonlyArray<string>): void => {
  for (const name of names) {
    for (const value of given[name] ?? []) response.headers.append(name, value)
  }
}

// Bun names bytes application/octet-stream unless they come as a stream. Rare, so it may cost a little.
const untyped = (body: Uint8Array): ReadableStream =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(body)
      controller.close()
    }
  })
