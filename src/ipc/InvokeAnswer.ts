import { type InvocationError, ResponseTooLarge } from "../domain/Errors.ts"
import type { Headers, InvocationResult } from "../domain/Invocation.ts"
import { HOP_BY_HOP, nominatedBy } from "../protocol/HopByHop.ts"
import { problemOf } from "../protocol/Problem.ts"
import { MAX_PAYLOAD_BYTES } from "../protocol/socket/Frame.ts"

/** Never handed on, as over HTTP: whoever copies headers into an answer of its own would break that answer's framing. */
const withheld: ReadonlySet<string> = new Set([...HOP_BY_HOP, "x-invocation-id"])

/** A length that is not the body's; to HEAD, and with 304, it is that of a body which is left out. */
const isWrongLength = (
  length: Headers[string],
  { body, status }: InvocationResult,
  method: string
): boolean => !(body.length === 0 && (method === "HEAD" || status === 304)) && length !== String(body.length)

/**
 * The payload of a function's answer (SP-097, SP-098). To HEAD, as everywhere, no body. Without hop-by-hop headers, without
 * an invocation's id that is not this one's (`execution_id` tells it), and without a wrong `content-length`.
 */
export const encodeResult = (result: InvocationResult, executionId: string, method: string): string => {
  // Without a prototype: a header may be called __proto__.
  const headers = Object.create(null) as Record<string, string>
  const list: Array<readonly [string, string]> = []
  const connection = result.headers["connection"]
  const nominated = connection === undefined ? null : new Set(nominatedBy(connection))
  for (const name in result.headers) {
    const value = result.headers[name] as Headers[string]
    if (withheld.has(name) || nominated?.has(name) === true) continue
    if (name === "content-length" && isWrongLength(value, result, method)) continue
    if (typeof value === "string") {
      headers[name] = value
      list.push([name, value])
      continue
    }
    for (const one of value) list.push([name, one])
    // Cookies hold commas: joined they would be lost. A map of strings can keep one; it is the last.
    headers[name] = name === "set-cookie" ? (value.at(-1) ?? "") : value.join(", ")
  }
  const { body } = result
  return JSON.stringify({
    success: true,
    status: result.status,
    headers,
    header_list: list,
    body: method === "HEAD" || body.length === 0 ? "" : body.toBase64(),
    execution_time_ms: Math.round(result.executionMs),
    execution_time_us: Math.round(result.executionMs * 1000),
    execution_id: executionId,
    cold_start: result.coldStart
  })
}

/** The payload where the call worked and the function did not. */
export const encodeFailure = (error: InvocationError, executionId: string): string =>
  JSON.stringify({
    success: false,
    error: error.message,
    execution_id: executionId,
    ...problemOf(error, executionId)
  })

/** A function's answer that no frame can carry. */
export const answerTooLarge = (): ResponseTooLarge =>
  new ResponseTooLarge({ limit: "socket_frame", bytes: MAX_PAYLOAD_BYTES })
