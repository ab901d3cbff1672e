import type { Headers as HeaderMap, InvocationResult } from "../domain/Invocation.ts"
import { HOP_BY_HOP, nominatedBy } from "../protocol/HopByHop.ts"

/** What of a handler's headers is not passed on: hop-by-hop fields, and those that follow from the message itself. */
const withheld: ReadonlySet<string> = new Set([...HOP_BY_HOP, "content-length", "x-invocation-id"])

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
  const nominated = given["connection"] === undefined ? null : new Set(nominatedBy(given["connection"]))
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
