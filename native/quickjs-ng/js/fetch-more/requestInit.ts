import {
  CACHES,
  CREDENTIALS,
  extractBody,
  type Extracted,
  events,
  fillHeaders,
  hasCredentials,
  headerList,
  HeaderList,
  type HeadersInit,
  isHeaders,
  makeHeaders,
  MODES,
  parseUrl,
  POLICIES,
  REDIRECTS,
  RequestState
} from "bunbase:fetch"
import type { AbortSignal } from "../events/AbortSignal.ts"
import {
  byteString,
  type Dictionary,
  dictionary,
  domString,
  enumeration,
  usvString
} from "../webidl/convert.ts"
import { isObject } from "../webidl/isObject.ts"

export interface RequestInit {
  readonly method?: string
  readonly headers?: HeadersInit
  readonly body?: unknown
  readonly referrer?: string
  readonly referrerPolicy?: string
  readonly mode?: string
  readonly credentials?: string
  readonly cache?: string
  readonly redirect?: string
  readonly integrity?: string
  readonly keepalive?: boolean
  readonly signal?: AbortSignal | null
  readonly duplex?: string
  readonly priority?: string
  readonly window?: null
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NORMALISED = /^(?:delete|get|head|options|post|put)$/i
const FORBIDDEN = /^(?:connect|trace|track)$/i
const SAFELISTED = /^(?:GET|HEAD|POST)$/
const PRIORITIES = ["high", "low", "auto"] as const
const HALF = ["half"] as const

/** The method of a caller, checked and normalised. */
export const requestMethod = (given: unknown): string => {
  const text = byteString(given, "Request, method")
  if (!TOKEN.test(text)) throw new TypeError(`Request: ${JSON.stringify(text)} is not a valid method`)
  if (FORBIDDEN.test(text)) throw new TypeError(`Request: the method ${text} is forbidden`)
  return NORMALISED.test(text) ? text.toUpperCase() : text
}

/** The members of `RequestInit`, read in the order of their names and converted at once. */
const readInit = (given: unknown) => {
  const what = "Request"
  const init: Dictionary = dictionary(given, what)
  const optional = <A>(name: string, convert: (value: unknown) => A): A | undefined => {
    const value = init[name]
    return value === undefined ? undefined : convert(value)
  }
  const oneOf =
    <const M extends string>(name: string, members: ReadonlyArray<M>) =>
    (value: unknown): M =>
      enumeration(value, members, `${what}, ${name}`)
  return {
    body: init["body"],
    cache: optional("cache", oneOf("cache", CACHES)),
    credentials: optional("credentials", oneOf("credentials", CREDENTIALS)),
    duplex: optional("duplex", oneOf("duplex", HALF)),
    headers: init["headers"],
    integrity: optional("integrity", domString),
    keepalive: optional("keepalive", Boolean),
    method: optional("method", (value) => byteString(value, `${what}, method`)),
    mode: optional("mode", oneOf("mode", MODES)),
    priority: optional("priority", oneOf("priority", PRIORITIES)),
    redirect: optional("redirect", oneOf("redirect", REDIRECTS)),
    referrer: optional("referrer", usvString),
    referrerPolicy: optional("referrerPolicy", oneOf("referrerPolicy", POLICIES)),
    signal: optional("signal", signalOf),
    window: init["window"]
  }
}

const signalOf = (value: unknown): AbortSignal | null => {
  if (value === null) return null
  // only whoever has an AbortSignal has that segment loaded: anything but an object is refused without it
  if (!isObject(value) || !events().whenAborted.isSignal(value)) {
    throw new TypeError("Request: the signal is no AbortSignal")
  }
  return value
}

const fromUrl = (input: unknown): RequestState => {
  const text = usvString(input)
  const href = parseUrl(text)
  if (href === null) {
    throw new TypeError(`Request: ${JSON.stringify(text.slice(0, 200))} is no absolute URL`)
  }
  if (hasCredentials(href)) {
    throw new TypeError(
      "Request: the URL holds a user name or a password; send an Authorization header instead"
    )
  }
  const state = new RequestState()
  state.url = href
  return state
}

type Init = ReturnType<typeof readInit>

const setReferrer = (state: RequestState, referrer: string): void => {
  if (referrer === "") {
    state.referrer = "no-referrer"
    return
  }
  if (parseUrl(referrer) === null)
    throw new TypeError(`Request: the referrer ${JSON.stringify(referrer)} is no absolute URL`)
  // of another origin than the worker's own, of which there is none
  state.referrer = "about:client"
}

const applyInit = (state: RequestState, init: Init, fromRequest: boolean): void => {
  if (init.window !== undefined && init.window !== null)
    throw new TypeError("Request: window can only be null")
  if (Object.values(init).some((value) => value !== undefined)) {
    if (state.mode === "navigate") state.mode = "same-origin"
    state.referrer = "about:client"
    state.referrerPolicy = ""
  }
  if (init.referrer !== undefined) setReferrer(state, init.referrer)
  if (init.referrerPolicy !== undefined) state.referrerPolicy = init.referrerPolicy
  if (init.mode === "navigate") throw new TypeError("Request: the mode navigate cannot be chosen")
  const mode = init.mode ?? (fromRequest ? undefined : "cors")
  if (mode !== undefined) state.mode = mode
  if (init.credentials !== undefined) state.credentials = init.credentials
  if (init.cache !== undefined) state.cache = init.cache
  if (state.cache === "only-if-cached" && state.mode !== "same-origin") {
    throw new TypeError("Request: the cache mode only-if-cached needs the mode same-origin")
  }
  if (init.redirect !== undefined) state.redirect = init.redirect
  if (init.integrity !== undefined) state.integrity = init.integrity
  if (init.keepalive !== undefined) state.keepalive = init.keepalive
  if (init.method !== undefined) state.method = requestMethod(init.method)
}

const applyHeaders = (state: RequestState, init: Init): void => {
  if (state.mode === "no-cors") {
    if (!SAFELISTED.test(state.method)) {
      throw new TypeError(`Request: the method ${state.method} does not go with the mode no-cors`)
    }
    state.guard = "request-no-cors"
  }
  if (init.headers === undefined && state.guard === "request") return
  const given = init.headers ?? makeHeaders(state.list.copy(), "none")
  // a Headers object is taken as it is, not iterated
  const from = isHeaders(given) ? headerList(given).copy() : null
  state.list = new HeaderList()
  const headers = makeHeaders(state.list, state.guard)
  state.headers = headers
  if (from === null) fillHeaders(headers, given, "Request")
  else from.each((name, value) => headers.append(name, value))
}

/** The steps of `new Request(input, init)`. `input` is another request's state, or whatever stands for a URL. */
export const initialise = (input: unknown, given: unknown): RequestState => {
  const source = input instanceof RequestState ? input : null
  const address = source === null ? usvString(input) : ""
  const init = readInit(given)
  const state = source === null ? fromUrl(address) : source.copy()
  applyInit(state, init, source !== null)
  if (init.signal !== undefined && init.signal !== null) {
    const { signal } = init
    state.follow(() => signal)
  } else if (init.signal === undefined && source !== null && source.signalIfAny !== null) {
    state.follow(() => source.signal)
  }
  applyHeaders(state, init)

  const inherited = source?.body ?? null
  const own = init.body !== undefined && init.body !== null
  if ((own || inherited !== null) && (state.method === "GET" || state.method === "HEAD")) {
    throw new TypeError(`Request: a request of method ${state.method} has no body`)
  }
  let extracted: Extracted | null = null
  if (own) {
    extracted = extractBody(init.body, "Request")
    if (!extracted.body.inMemory) {
      if (state.keepalive) throw new TypeError("Request: a stream as body and keepalive exclude each other")
      if (init.duplex === undefined) throw new TypeError('Request: a stream as body needs duplex: "half"')
      if (state.mode !== "same-origin" && state.mode !== "cors") {
        throw new TypeError(`Request: a stream as body does not go with the mode ${state.mode}`)
      }
    }
    if (extracted.type !== null && !state.list.has("content-type")) {
      state.list.append("content-type", extracted.type)
    }
    state.body = extracted.body
  } else if (inherited !== null) {
    if (inherited.unusable) {
      throw new TypeError("Request: the body of the request given was read already, or is being read")
    }
    state.body = inherited.handOver()
  }
  return state
}
