import type { Blob } from "../files/Blob.ts"
import type { FormData } from "../files/FormData.ts"
import type { ReadableStream } from "../segments/streams.ts"
import { byteString, dictionary, illegalInvocation, unsignedShort, needArguments } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"
import {
  type Body,
  consumeArrayBuffer,
  consumeBlob,
  consumeBytes,
  consumeFormData,
  consumeJson,
  consumeText,
  extractBody,
  type Extracted
} from "./Body.ts"
import { type Guard, type Headers, fillHeaders, type HeadersInit, makeHeaders } from "./Headers.ts"
import { HeaderList } from "./HeaderList.ts"
import { resolveLocation } from "./urls.ts"

export type ResponseType = "basic" | "cors" | "default" | "error" | "opaque" | "opaqueredirect"

export interface ResponseInit {
  readonly status?: number
  readonly statusText?: string
  readonly headers?: HeadersInit
}

/** What a Response is made of. */
export class ResponseState {
  type: ResponseType = "default"
  url = ""
  redirected = false
  status = 200
  statusText = ""
  list = new HeaderList()
  guard: Guard = "response"
  headers: Headers | null = null
  body: Body | null = null

  contentType(): string | null {
    return this.list.get("content-type")
  }
}

/** Set by the class below. */
let stateIn: (response: Response) => ResponseState
let isResponseObject: (value: unknown) => value is Response
let make: (state: ResponseState) => Response

const REASON = /^[\t\x20-\x7e\x80-\xff]*$/
const isNullBody = (status: number): boolean =>
  status === 204 || status === 205 || status === 304 || status === 101 || status === 103
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Fetch standard, 5.5. */
export class Response {
  #state = new ResponseState()

  static {
    stateIn = (response) => response.#state
    isResponseObject = (value): value is Response => isObject(value) && #state in value
    make = (state) => {
      const response = new Response()
      response.#state = state
      return response
    }
  }

  constructor(body: unknown = null, init?: ResponseInit) {
    if (body === null && init === undefined) return
    const extracted = body === null ? null : extractBody(body, "Response")
    initialise(this.#state, init, extracted, "Response")
  }

  static error(): Response {
    const state = new ResponseState()
    state.type = "error"
    state.status = 0
    state.guard = "immutable"
    return make(state)
  }

  static redirect(url: string, status: number = 302): Response {
    needArguments(arguments.length, 1, "Response.redirect")
    const location = resolveLocation(url, "Response.redirect")
    const code = unsignedShort(status)
    if (!REDIRECTS.has(code)) {
      throw new RangeError(`Response.redirect: ${code} is no status of a redirect (301, 302, 303, 307, 308)`)
    }
    const state = new ResponseState()
    state.status = code
    state.list.append("location", location)
    state.guard = "immutable"
    return make(state)
  }

  static json(data: unknown, init?: ResponseInit): Response {
    needArguments(arguments.length, 1, "Response.json")
    const text = stringify(data) as string | undefined
    if (text === undefined) {
      throw new TypeError(
        `Response.json: JSON cannot express ${data === undefined ? "undefined" : `a ${typeof data}`}`
      )
    }
    const { body } = extractBody(text, "Response.json")
    const response = new Response()
    initialise(response.#state, init, { body, type: "application/json" }, "Response.json")
    return response
  }

  get type(): ResponseType {
    return check(this, "type").type
  }

  get url(): string {
    return check(this, "url").url
  }

  get redirected(): boolean {
    return check(this, "redirected").redirected
  }

  get status(): number {
    return check(this, "status").status
  }

  get ok(): boolean {
    const { status } = check(this, "ok")
    return status >= 200 && status <= 299
  }

  get statusText(): string {
    return check(this, "statusText").statusText
  }

  get headers(): Headers {
    return headersOf(check(this, "headers"))
  }

  get body(): ReadableStream | null {
    const { body } = check(this, "body")
    return body === null ? null : body.open()
  }

  get bodyUsed(): boolean {
    const { body } = check(this, "bodyUsed")
    return body !== null && body.disturbed
  }

  clone(): Response {
    const state = check(this, "clone")
    if (state.body?.unusable === true) {
      throw new TypeError("Response.clone: the body was read already, or is being read")
    }
    const copy = new ResponseState()
    copy.type = state.type
    copy.url = state.url
    copy.redirected = state.redirected
    copy.status = state.status
    copy.statusText = state.statusText
    copy.list = state.list.copy()
    copy.guard = state.guard
    copy.body = state.body === null ? null : state.body.clone()
    return make(copy)
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return isResponseObject(this)
      ? consumeArrayBuffer(this.#state, "Response.arrayBuffer")
      : illegal("arrayBuffer")
  }

  blob(): Promise<Blob> {
    return isResponseObject(this) ? consumeBlob(this.#state, "Response.blob") : illegal("blob")
  }

  bytes(): Promise<Uint8Array> {
    return isResponseObject(this) ? consumeBytes(this.#state, "Response.bytes") : illegal("bytes")
  }

  formData(): Promise<FormData> {
    return isResponseObject(this) ? consumeFormData(this.#state, "Response.formData") : illegal("formData")
  }

  json(): Promise<unknown> {
    return isResponseObject(this) ? consumeJson(this.#state, "Response.json") : illegal("json")
  }

  text(): Promise<string> {
    return isResponseObject(this) ? consumeText(this.#state, "Response.text") : illegal("text")
  }
}
describeInterface(Response, "Response", 0)

const { stringify } = JSON

const check = (value: Response, member: string): ResponseState => {
  if (!isResponseObject(value)) throw illegalInvocation(`Response.${member}`)
  return stateIn(value)
}

const illegal = (member: string): Promise<never> => Promise.reject(illegalInvocation(`Response.${member}`))

const headersOf = (state: ResponseState): Headers => (state.headers ??= makeHeaders(state.list, state.guard))

/** "Initialize a response". */
const initialise = (
  state: ResponseState,
  given: unknown,
  extracted: Extracted | null,
  what: string
): void => {
  const init = dictionary(given, what)
  // read in the order of their names, each converted at once
  const headers = init["headers"]
  const status = init["status"]
  const code = status === undefined ? 200 : unsignedShort(status)
  const reason = init["statusText"]
  const statusText = reason === undefined ? "" : byteString(reason, `${what}, statusText`)
  if (code < 200 || code > 599) {
    throw new RangeError(`${what}: the status ${code} is none from 200 to 599`)
  }
  if (!REASON.test(statusText)) throw new TypeError(`${what}: the statusText cannot be sent`)
  state.status = code
  state.statusText = statusText
  if (headers !== undefined) fillHeaders(headersOf(state), headers, what)
  if (extracted === null) return
  if (isNullBody(code)) throw new TypeError(`${what}: a response of status ${code} has no body; give null`)
  state.body = extracted.body
  if (extracted.type !== null && !state.list.has("content-type")) {
    state.list.append("content-type", extracted.type)
  }
}

export const isResponse = (value: unknown): value is Response => isResponseObject(value)
export const responseState = (response: Response): ResponseState => stateIn(response)
export const makeResponse = (state: ResponseState): Response => make(state)
