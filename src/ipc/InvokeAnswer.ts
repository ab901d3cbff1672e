import { type InvocationError, ResponseTooLarge } from "../domain/Errors.ts"
import type { Headers, InvocationResult } from "../domain/Invocation.ts"
import { problemOf } from "../protocol/Problem.ts"
import { MAX_PAYLOAD_BYTES } from "../protocol/socket/Frame.ts"

/** The payload of a function's answer. To HEAD, as everywhere, no body. */
export const encodeResult = (result: InvocationResult, executionId: string, method: string): string => {
  // Without a prototype: a header may be called __proto__.
  const headers = Object.create(null) as Record<string, string>
  const list: Array<readonly [string, string]> = []
  for (const name in result.headers) {
    const value = result.headers[name] as Headers[string]
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
