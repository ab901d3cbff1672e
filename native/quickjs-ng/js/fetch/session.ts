import { native } from "bunbase:core"
import type { AbortSignal } from "../events/AbortSignal.ts"
import { bytesOfSource } from "../webidl/bytes.ts"
import { isObject } from "../webidl/isObject.ts"
import { Body, consumeBytes, extractBody } from "./Body.ts"
import { type Headers, headerList, isHeaders } from "./Headers.ts"
import { HeaderList, headerName, isHeaderValue, normalValue } from "./HeaderList.ts"
import { makeRequest, type Request } from "./Request.ts"
import { RequestState } from "./RequestState.ts"
import { isResponse, responseState } from "./Response.ts"
import { isPlainUrl, parseUrl } from "./urls.ts"

/** An invocation as the session has it. */
export interface WireRequest {
  readonly method: string
  /** `http://` and a host. */
  readonly origin: string
  /** Path and query; begins with `/`, has no `#`. */
  readonly target: string
  readonly headers: Readonly<Record<string, unknown>>
  /** Base64; empty where there is no body. */
  readonly body: string
  readonly signal: () => AbortSignal
}

const DEFAULT_ORIGIN = "http://localhost"
const { isArray } = Array

/** A list of what came by wire: names and values that no header can have are left out. */
export const listFromWire = (headers: Readonly<Record<string, unknown>>): HeaderList => {
  const list = new HeaderList()
  const add = (name: string, value: unknown): void => {
    if (typeof value !== "string") return
    const normal = normalValue(value)
    if (isHeaderValue(normal)) list.append(name, normal)
  }
  for (const key in headers) {
    const name = headerName(key)
    if (name === null) continue
    const held = headers[key]
    if (isArray(held)) for (const one of held) add(name, one)
    else add(name, held)
  }
  return list
}

/** Bytes of base64; what is not base64 counts as nothing. */
export const bytesFromWire = (base64: string): Uint8Array => native.base64Decode(base64) ?? new Uint8Array(0)

/** The Request of an invocation. Never throws; URL, headers, body and signal are made when they are asked for. */
export const requestFromWire = (wire: WireRequest): Request => {
  const { method, origin, target, body } = wire
  const state = new RequestState()
  state.method = method
  state.url = () =>
    isPlainUrl(origin, target)
      ? origin + target
      : (parseUrl(origin + target) ?? parseUrl(DEFAULT_ORIGIN + target) ?? `${DEFAULT_ORIGIN}/`)
  state.list = () => listFromWire(wire.headers)
  if (body !== "" && method !== "GET" && method !== "HEAD") {
    state.body = () => new Body(null, bytesFromWire(body), null)
  }
  state.signalSource = wire.signal
  return makeRequest(state)
}

/** What is sent of a response. */
export interface Parts {
  readonly status: number
  /** A JSON object: name → value, or array of values. */
  readonly headers: string
  /** Null where there is none. */
  readonly body: Uint8Array | null
}

/** Why what the handler returned cannot be sent (INVALID_RESPONSE). */
export interface Fault {
  readonly fault: string
}

type Answer = Parts | Fault

/** More would make a line that the protocol does not allow: 64 MiB of base64, less some room for the headers. */
export const MAX_BODY_BYTES = 47 * 1024 * 1024
const HINT = "return a Response, for example new Response(text) or Response.json(value)"
const hasNoBody = (status: number): boolean => status === 204 || status === 205 || status === 304

/** What a handler returned, as it is sent. Throws and rejects only with what user code threw. */
export const responseParts = (value: unknown): Answer | Promise<Answer> => {
  if (!isResponse(value)) return likeResponse(value)
  const state = responseState(value)
  const { body, status } = state
  const fault = statusFault(status)
  if (fault !== null) return fault
  const headers = state.list.toJson()
  if (body === null || hasNoBody(status)) return { status, headers, body: null }
  if (body.disturbed) {
    return {
      fault: "the handler returned a Response whose body was already used; return a new one each time"
    }
  }
  if (body.locked)
    return { fault: "the handler returned a Response whose body is locked or was already used" }
  if (!body.inMemory) {
    return consumeBytes(state, "Response").then((bytes) => bodyAnswer(status, headers, bytes))
  }
  body.take()
  return bodyAnswer(status, headers, body.memory())
}

const statusFault = (status: number): Fault | null => {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return null
  if (status === 0) return { fault: "the handler returned Response.error(), which cannot be sent" }
  return {
    fault: `the handler returned a Response with status ${status}; a status is a whole number from 200 to 599`
  }
}

const bodyAnswer = (status: number, headers: string, body: Uint8Array): Answer =>
  body.length > MAX_BODY_BYTES
    ? {
        fault: `the handler returned a body of ${body.length} bytes; the protocol carries ${MAX_BODY_BYTES}`
      }
    : { status, headers, body: body.length === 0 ? null : body }

// Responses of other makes (a polyfill's, a test double's): `status`, `headers`, and `arrayBuffer()` or `body`.

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
    case "bigint":
      return `the bigint ${value}n`
    default:
      return `the ${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`
  }
}

const notAResponse = (value: unknown): Fault => {
  let what = "something that cannot be described"
  try {
    what = describe(value)
  } catch {
    // a hostile object
  }
  return { fault: `the handler returned ${what}; ${HINT}` }
}

interface ResponseLike {
  readonly status: unknown
  readonly headers?: unknown
  readonly body?: unknown
  readonly arrayBuffer?: unknown
  readonly bodyUsed?: unknown
}

const messageOf = (thrown: unknown): string => {
  try {
    const message = isObject(thrown) ? (thrown as { readonly message?: unknown }).message : undefined
    return typeof message === "string" ? message : String(thrown)
  } catch {
    return "something that cannot be described"
  }
}

const likeResponse = (value: unknown): Answer | Promise<Answer> => {
  if (typeof value !== "object" || value === null) return notAResponse(value)
  try {
    const like = value as ResponseLike
    const { status } = like
    if (typeof status !== "number" || !("arrayBuffer" in like || "body" in like)) return notAResponse(value)
    const fault = statusFault(status)
    if (fault !== null) return fault
    const headers = anyHeaders(like.headers).toJson()
    if (hasNoBody(status)) return { status, headers, body: null }
    if (like.bodyUsed === true) {
      return { fault: "the handler returned a response whose body was already used" }
    }
    return likeAnswer(status, headers, like)
  } catch (error) {
    return { fault: `the handler returned a response that cannot be read: ${messageOf(error)}` }
  }
}

const likeAnswer = async (status: number, headers: string, like: ResponseLike): Promise<Answer> => {
  const { arrayBuffer } = like
  const body: unknown =
    typeof arrayBuffer === "function" ? await Reflect.apply(arrayBuffer, like, []) : like.body
  if (body === null || body === undefined) return { status, headers, body: null }
  const bytes = bytesOfSource(body)
  if (bytes !== null) return bodyAnswer(status, headers, bytes)
  if (typeof body !== "object" && typeof body !== "string") {
    return { fault: `the handler returned a response whose body is ${describe(body)}` }
  }
  // streams, blobs, forms, iterables: what a Response takes
  const extracted = extractBody(body, "Response").body
  if (extracted.inMemory) return bodyAnswer(status, headers, extracted.memory())
  return bodyAnswer(
    status,
    headers,
    await consumeBytes({ body: extracted, contentType: () => null }, "Response")
  )
}

/** Any make of headers, any record, any list of pairs. Throws where a name or a value is none. */
const anyHeaders = (from: unknown): HeaderList => {
  if (isHeaders(from)) return headerList(from as Headers)
  const list = new HeaderList()
  if (from === undefined || from === null) return list
  if (typeof from !== "object") throw new TypeError(`its headers are ${describe(from)}`)
  const addOne = (name: string, held: unknown): void => {
    const lower = headerName(name)
    const value = normalValue(`${held as string}`)
    if (lower === null) throw new TypeError(`${JSON.stringify(name)} is not a valid header name`)
    if (!isHeaderValue(value)) throw new TypeError(`${JSON.stringify(value)} is not a valid header value`)
    list.append(lower, value)
  }
  const add = (name: unknown, held: unknown): void => {
    if (isArray(held)) for (const one of held) addOne(`${name as string}`, one)
    else addOne(`${name as string}`, held)
  }
  if (Symbol.iterator in from) {
    const { getSetCookie } = from as { readonly getSetCookie?: unknown }
    const cookies: unknown =
      typeof getSetCookie === "function" ? Reflect.apply(getSetCookie, from, []) : undefined
    for (const pair of from as Iterable<readonly [unknown, unknown]>) {
      if (cookies === undefined || String(pair[0]).toLowerCase() !== "set-cookie") add(pair[0], pair[1])
    }
    if (cookies !== undefined) add("set-cookie", cookies)
  } else {
    for (const name of Object.keys(from)) add(name, (from as Record<string, unknown>)[name])
  }
  return list
}
