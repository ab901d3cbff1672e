import {
  apply,
  headersAppend,
  headersForEach,
  inspect,
  isArray,
  isInteger,
  NativeHeaders,
  NativeResponse,
  NativeUint8Array,
  peek,
  peekStatus,
  responseBodyUsed,
  responseBytes,
  responseHeaders,
  responseStatus,
  stringify,
  toBase64,
  utf8
} from "./Intrinsics.ts"
import { HEADER_ROOM, MAX_BODY_BYTES } from "../../protocol/worker/Wire.ts"
import { errorLine, responseLine } from "./Lines.ts"
import { describeThrown } from "./Thrown.ts"

const NO_BODY = ""
const hasNoBody = (status: number): boolean => status === 204 || status === 205 || status === 304

export const invalidResponse = (id: string, message: string): string =>
  errorLine(id, "INVALID_RESPONSE", { message })

/** The line that answers an invocation whose handler came to `value`. Throws and rejects only with what user code threw. */
export const answerLine = (id: string, value: unknown): string | Promise<string> => {
  let status: number
  try {
    status = apply(responseStatus, value, [])
  } catch {
    return likeResponse(id, value)
  }
  return nativeAnswer(id, status, value as Response)
}

const statusFault = (status: number): string | null =>
  isInteger(status) && status >= 200 && status <= 599
    ? null
    : status === 0
      ? "the handler returned Response.error(), which cannot be sent"
      : `the handler returned a Response with status ${status}; a status is a whole number from 200 to 599`

const nativeAnswer = (id: string, status: number, response: Response): string | Promise<string> => {
  const fault = statusFault(status)
  if (fault !== null) return invalidResponse(id, fault)
  const headers = headersJson(apply(responseHeaders, response, []))
  if (hasNoBody(status)) return bareAnswer(id, status, headers)
  if (apply(responseBodyUsed, response, [])) {
    return invalidResponse(
      id,
      "the handler returned a Response whose body was already used; return a new one each time"
    )
  }
  const reading: Promise<Uint8Array> = apply(responseBytes, response, [])
  // a body that is in memory is there at once
  if (peekStatus(reading) === "fulfilled") return bodyAnswer(id, status, headers, peek(reading) as Uint8Array)
  return readAnswer(id, status, headers, reading)
}

const readAnswer = async (
  id: string,
  status: number,
  headers: string,
  reading: Promise<Uint8Array | ArrayBuffer>
): Promise<string> => {
  try {
    return bodyAnswer(id, status, headers, await reading)
  } catch (error) {
    const code = (error as { readonly code?: unknown } | null | undefined)?.code
    if (code === "ERR_INVALID_STATE" || code === "ERR_BODY_ALREADY_USED") {
      return invalidResponse(id, "the handler returned a Response whose body is locked or was already used")
    }
    throw error
  }
}

/** Whether the line would be too long for what is in the headers. */
const isCrowded = (size: number, headers: string): boolean =>
  size + 1.5 * headers.length > MAX_BODY_BYTES + HEADER_ROOM

const tooManyHeaders = (id: string, headers: string): string =>
  errorLine(id, "RESPONSE_TOO_LARGE", {
    message: `the handler returned headers of ${headers.length} characters, more than the protocol carries with this body`
  })

const bareAnswer = (id: string, status: number, headers: string): string =>
  isCrowded(0, headers) ? tooManyHeaders(id, headers) : responseLine(id, status, headers, NO_BODY)

const bodyAnswer = (id: string, status: number, headers: string, body: Uint8Array | ArrayBuffer): string => {
  const size = body.byteLength
  if (size > MAX_BODY_BYTES) {
    const message = `the handler returned a body of ${size} bytes; the protocol carries ${MAX_BODY_BYTES}`
    return errorLine(id, "RESPONSE_TOO_LARGE", { message })
  }
  if (size === 0) return bareAnswer(id, status, headers)
  if (isCrowded(size, headers)) return tooManyHeaders(id, headers)
  const bytes = body instanceof NativeUint8Array ? body : new NativeUint8Array(body)
  return responseLine(id, status, headers, apply(toBase64, bytes, []) as string)
}

/** Headers as a JSON object: `set-cookie` as an array where there are several; whatever else repeats is one value by now. */
const headersJson = (headers: Headers): string => {
  let json = ""
  let cookies = ""
  let several = false
  apply(headersForEach, headers, [
    (value: string, name: string): void => {
      if (name === "set-cookie") {
        several = cookies !== ""
        cookies += several ? `,${stringify(value)}` : stringify(value)
      } else {
        json +=
          json === "" ? `${stringify(name)}:${stringify(value)}` : `,${stringify(name)}:${stringify(value)}`
      }
    }
  ])
  if (cookies !== "") {
    const held = several ? `[${cookies}]` : cookies
    json += json === "" ? `"set-cookie":${held}` : `,"set-cookie":${held}`
  }
  return `{${json}}`
}

// Responses of other makes (a polyfill's, a test double's): `status`, `headers`, and `arrayBuffer()` or `body`.

const HINT = "return a Response, for example new Response(text) or Response.json(value)"

/** What it was that the handler returned, in a few words. */
const describe = (value: unknown): string => {
  if (value === undefined) return "nothing (undefined)"
  if (value === null) return "null"
  switch (typeof value) {
    case "object": {
      const keys = Object.keys(value)
      if (isArray(value)) return "an array"
      const name = (value as { constructor?: { name?: unknown } }).constructor?.name
      if (typeof name === "string" && name !== "Object" && name !== "") return `a ${name}`
      return keys.length === 0 ? "an empty object" : `an object with ${keys.slice(0, 8).join(", ")}`
    }
    case "string":
      return "a string"
    case "function":
      return "a function"
    default:
      return `the ${typeof value} ${inspect(value)}`
  }
}

const notAResponse = (id: string, value: unknown): string => {
  let what = "something that cannot be described"
  try {
    what = describe(value)
  } catch {
    // a hostile object
  }
  return invalidResponse(id, `the handler returned ${what}; ${HINT}`)
}

interface ResponseLike {
  readonly status: unknown
  readonly headers?: unknown
  readonly body?: unknown
  readonly arrayBuffer?: unknown
  readonly bodyUsed?: unknown
}

const likeResponse = (id: string, value: unknown): string | Promise<string> => {
  if (typeof value !== "object" || value === null) return notAResponse(id, value)
  try {
    const like = value as ResponseLike
    const { status } = like
    if (typeof status !== "number" || !("arrayBuffer" in like || "body" in like))
      return notAResponse(id, value)
    const fault = statusFault(status)
    if (fault !== null) return invalidResponse(id, fault)
    const headers = headersJson(toHeaders(like.headers))
    if (hasNoBody(status)) return bareAnswer(id, status, headers)
    if (like.bodyUsed === true) {
      return invalidResponse(id, "the handler returned a response whose body was already used")
    }
    return likeAnswer(id, status, headers, like)
  } catch (error) {
    return invalidResponse(
      id,
      `the handler returned a response that cannot be read: ${describeThrown(error).message}`
    )
  }
}

const likeAnswer = async (
  id: string,
  status: number,
  headers: string,
  like: ResponseLike
): Promise<string> => {
  const { arrayBuffer } = like
  const body: unknown = typeof arrayBuffer === "function" ? await apply(arrayBuffer, like, []) : like.body
  if (body === null || body === undefined) return bareAnswer(id, status, headers)
  if (typeof body === "string") return bodyAnswer(id, status, headers, utf8(body))
  if (body instanceof ArrayBuffer) return bodyAnswer(id, status, headers, body)
  if (ArrayBuffer.isView(body)) {
    return bodyAnswer(
      id,
      status,
      headers,
      new NativeUint8Array(body.buffer, body.byteOffset, body.byteLength)
    )
  }
  if (typeof body !== "object")
    return invalidResponse(id, `the handler returned a response whose body is ${describe(body)}`)
  // streams, blobs, forms, iterables: what a Response takes
  return readAnswer(id, status, headers, apply(responseBytes, new NativeResponse(body as Bun.BodyInit), []))
}

/** Any make of headers, any record, any list of pairs as Headers. Throws where a name or a value is none. */
const toHeaders = (from: unknown): Headers => {
  const headers = new NativeHeaders()
  if (from === undefined || from === null) return headers
  if (typeof from !== "object") throw new TypeError(`its headers are ${describe(from)}`)
  const add = (name: unknown, held: unknown): void => {
    if (isArray(held)) for (let i = 0; i < held.length; i += 1) apply(headersAppend, headers, [name, held[i]])
    else apply(headersAppend, headers, [name, held])
  }
  if (Symbol.iterator in from) {
    const { getSetCookie } = from as { readonly getSetCookie?: unknown }
    const cookies: unknown = typeof getSetCookie === "function" ? apply(getSetCookie, from, []) : undefined
    for (const pair of from as Iterable<readonly [unknown, unknown]>) {
      if (cookies === undefined || String(pair[0]).toLowerCase() !== "set-cookie") add(pair[0], pair[1])
    }
    if (cookies !== undefined) add("set-cookie", cookies)
  } else {
    const names = Object.keys(from)
    for (let i = 0; i < names.length; i += 1)
      add(names[i], (from as Record<string, unknown>)[names[i] as string])
  }
  return headers
}
