import type { AbortSignal } from "../events/AbortSignal.ts"
import type { Blob } from "../files/Blob.ts"
import type { FormData } from "../files/FormData.ts"
import type { ReadableStream } from "../segments/streams.ts"
import { illegalInvocation, needArguments } from "../webidl/convert.ts"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"
import {
  consumeArrayBuffer,
  consumeBlob,
  consumeBytes,
  consumeFormData,
  consumeJson,
  consumeText
} from "./Body.ts"
import { type Headers, makeHeaders } from "./Headers.ts"
import type { RequestInit } from "../segments/fetch-more.ts"
import { more } from "./lazy.ts"
import {
  type RequestCache,
  type RequestCredentials,
  type RequestMode,
  type RequestRedirect,
  type ReferrerPolicy,
  RequestState
} from "./RequestState.ts"

/** Set by the class below. */
let stateIn: (request: Request) => RequestState
let isRequestObject: (value: unknown) => value is Request
let make: (state: RequestState) => Request

const BLANK = new RequestState()

/** Fetch standard, 5.4. */
export class Request {
  #state: RequestState

  static {
    stateIn = (request) => request.#state
    isRequestObject = (value): value is Request => isObject(value) && #state in value
    make = (state) => {
      const request = new Request(BLANK as never)
      request.#state = state
      return request
    }
  }

  constructor(input: Request | string, init?: RequestInit) {
    needArguments(arguments.length, 1, "Request")
    if ((input as unknown) === BLANK) this.#state = BLANK
    else {
      this.#state = more().initialise(isRequestObject(input) ? input.#state : input, init)
    }
  }

  get method(): string {
    return check(this, "method").method
  }

  get url(): string {
    return check(this, "url").url
  }

  get headers(): Headers {
    return headersOf(check(this, "headers"))
  }

  get destination(): string {
    check(this, "destination")
    return ""
  }

  get referrer(): string {
    return check(this, "referrer").referrer
  }

  get referrerPolicy(): ReferrerPolicy {
    return check(this, "referrerPolicy").referrerPolicy
  }

  get mode(): RequestMode {
    return check(this, "mode").mode
  }

  get credentials(): RequestCredentials {
    return check(this, "credentials").credentials
  }

  get cache(): RequestCache {
    return check(this, "cache").cache
  }

  get redirect(): RequestRedirect {
    return check(this, "redirect").redirect
  }

  get integrity(): string {
    return check(this, "integrity").integrity
  }

  get keepalive(): boolean {
    return check(this, "keepalive").keepalive
  }

  get isReloadNavigation(): boolean {
    check(this, "isReloadNavigation")
    return false
  }

  get isHistoryNavigation(): boolean {
    check(this, "isHistoryNavigation")
    return false
  }

  get signal(): AbortSignal {
    return check(this, "signal").signal
  }

  get duplex(): "half" {
    check(this, "duplex")
    return "half"
  }

  get body(): ReadableStream | null {
    const { body } = check(this, "body")
    return body === null ? null : body.open()
  }

  get bodyUsed(): boolean {
    const { body } = check(this, "bodyUsed")
    return body !== null && body.disturbed
  }

  clone(): Request {
    const state = check(this, "clone")
    if (state.body?.unusable === true) {
      throw new TypeError("Request.clone: the body was read already, or is being read")
    }
    return make(state.clone())
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return isRequestObject(this)
      ? consumeArrayBuffer(this.#state, "Request.arrayBuffer")
      : illegal("arrayBuffer")
  }

  blob(): Promise<Blob> {
    return isRequestObject(this) ? consumeBlob(this.#state, "Request.blob") : illegal("blob")
  }

  bytes(): Promise<Uint8Array> {
    return isRequestObject(this) ? consumeBytes(this.#state, "Request.bytes") : illegal("bytes")
  }

  formData(): Promise<FormData> {
    return isRequestObject(this) ? consumeFormData(this.#state, "Request.formData") : illegal("formData")
  }

  json(): Promise<unknown> {
    return isRequestObject(this) ? consumeJson(this.#state, "Request.json") : illegal("json")
  }

  text(): Promise<string> {
    return isRequestObject(this) ? consumeText(this.#state, "Request.text") : illegal("text")
  }
}
describeInterface(Request, "Request", 1)

const check = (value: Request, member: string): RequestState => {
  if (!isRequestObject(value)) throw illegalInvocation(`Request.${member}`)
  return stateIn(value)
}

const illegal = (member: string): Promise<never> => Promise.reject(illegalInvocation(`Request.${member}`))

const headersOf = (state: RequestState): Headers => (state.headers ??= makeHeaders(state.list, state.guard))

export const requestState = (request: Request): RequestState => stateIn(request)
export const makeRequest = (state: RequestState): Request => make(state)
