import { HEADER_ROOM, MAX_BODY_BYTES } from "../wire/constants.ts"
import { native } from "bunbase:core"
import type { AbortSignal } from "../events/AbortSignal.ts"
import { Body, consumeBytes } from "./Body.ts"
import { HeaderList, headerName, isHeaderValue, normalValue } from "./HeaderList.ts"
import { more } from "./lazy.ts"
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
// what the session works with once the function runs: one that replaces these harms only itself
const { isArray } = Array
const { keys } = Object
const { isInteger } = Number

/** A list of what came by wire: names and values that no header can have are left out. */
export const listFromWire = (headers: Readonly<Record<string, unknown>>): HeaderList => {
  const list = new HeaderList()
  const add = (name: string, value: unknown): void => {
    if (typeof value !== "string") return
    const normal = normalValue(value)
    if (isHeaderValue(normal)) list.append(name, normal)
  }
  const names = keys(headers)
  for (let i = 0; i < names.length; i += 1) {
    const name = headerName(names[i] as string)
    if (name === null) continue
    const held = headers[names[i] as string]
    if (isArray(held)) for (let j = 0; j < held.length; j += 1) add(name, held[j])
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

/** Why what the handler returned cannot be sent: INVALID_RESPONSE, unless it is `tooLarge` (RESPONSE_TOO_LARGE). */
export interface Fault {
  readonly fault: string
  readonly tooLarge?: true
}

export type Answer = Parts | Fault

export const hasNoBody = (status: number): boolean => status === 204 || status === 205 || status === 304

/** What a handler returned, as it is sent. Throws and rejects only with what user code threw. */
export const responseParts = (value: unknown): Answer | Promise<Answer> => {
  if (!isResponse(value)) return more().likeResponse(value)
  const state = responseState(value)
  const { body, status } = state
  const fault = statusFault(status)
  if (fault !== null) return fault
  const headers = state.list.toJson()
  if (body === null || hasNoBody(status)) return bareAnswer(status, headers)
  if (body.disturbed) {
    return {
      fault: "the handler returned a Response whose body was already used; return a new one each time"
    }
  }
  if (body.locked)
    return { fault: "the handler returned a Response whose body is locked or was already used" }
  if (!body.inMemory) {
    return readAnswer(status, headers, consumeBytes(state, "Response"))
  }
  body.take()
  return bodyAnswer(status, headers, body.memory())
}

const readAnswer = async (status: number, headers: string, reading: Promise<Uint8Array>): Promise<Answer> =>
  bodyAnswer(status, headers, await reading)

export const statusFault = (status: number): Fault | null => {
  if (isInteger(status) && status >= 200 && status <= 599) return null
  if (status === 0) return { fault: "the handler returned Response.error(), which cannot be sent" }
  return {
    fault: `the handler returned a Response with status ${status}; a status is a whole number from 200 to 599`
  }
}

/** Whether a line with a body of this size would be too long for what is in the headers. */
export const isCrowded = (size: number, headers: string): boolean =>
  size + 1.5 * headers.length > MAX_BODY_BYTES + HEADER_ROOM

const tooManyHeaders = (headers: string): Fault => ({
  fault: `the handler returned headers of ${headers.length} characters, more than the protocol carries with this body`,
  tooLarge: true
})

export const bareAnswer = (status: number, headers: string): Answer =>
  isCrowded(0, headers) ? tooManyHeaders(headers) : { status, headers, body: null }

export const bodyAnswer = (status: number, headers: string, body: Uint8Array): Answer => {
  if (body.length > MAX_BODY_BYTES) {
    return {
      fault: `the handler returned a body of ${body.length} bytes; the protocol carries ${MAX_BODY_BYTES}`,
      tooLarge: true
    }
  }
  if (body.length === 0) return bareAnswer(status, headers)
  return isCrowded(body.length, headers) ? tooManyHeaders(headers) : { status, headers, body }
}
