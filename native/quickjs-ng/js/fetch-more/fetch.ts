import { hostIsDeaf, invocationId, native, sendInTurn, takeBack } from "bunbase:core"
import type { AbortSignal } from "../events/AbortSignal.ts"
import {
  Body,
  bytesFromWire,
  consumeBytes,
  events,
  extractBody,
  files,
  type HeaderList,
  isCrowded,
  listFromWire,
  makeResponse,
  Request,
  requestState,
  type RequestState,
  type Response,
  ResponseState,
  streams,
  url as urls
} from "bunbase:fetch"
import { hardenedMap } from "../webidl/hardenedMap.ts"
import { descriptor } from "../webidl/primordials.ts"
import { isObject } from "../webidl/isObject.ts"
import { dataUrl } from "./dataUrl.ts"
import type { RequestInit } from "./requestInit.ts"

/** An answer of the host to a call (protocol message `result`). */
export interface HostResult {
  readonly call_id: string
  readonly ok: boolean
  readonly response?: {
    readonly status: number
    readonly status_text?: string
    readonly url?: string
    readonly redirected?: boolean
    readonly headers?: Readonly<Record<string, unknown>>
    readonly body?: string
  }
  readonly error?: { readonly name?: string; readonly message?: string; readonly code?: string }
}

const inFlight = hardenedMap<string, (result: HostResult) => void>()
let serial = 0

/** What the session does with a `result`. One that nobody waits for is ignored. */
export const hostResult = (result: HostResult): void => {
  const settle = inFlight.get(result.call_id)
  if (settle === undefined) return
  inFlight.delete(result.call_id)
  settle(result)
}

const sendCall = (invocation: string, payload: object): void =>
  native.send(stringify({ id: invocation, type: "call", payload }))
const { stringify } = JSON

/** Names that belong to the connection, which is the host's. */
const TRANSPORT = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

const wireHeaders = (list: HeaderList): Record<string, string | Array<string>> => {
  const headers: Record<string, string | Array<string>> = Object.create(null) as Record<string, string>
  list.eachName((name) => {
    if (TRANSPORT.has(name)) return
    const all = list.all(name)
    headers[name] = all.length === 1 ? (all[0] as string) : all
  })
  if (!list.has("accept")) headers["accept"] = "*/*"
  return headers
}

const denied = new WeakSet<object>()
const { has: isIn } = WeakSet.prototype
const { apply: applyTo } = Reflect
const { defineProperty } = Object

/** `frames` is the stack of the call: the answer comes when none of the function's is left. */
const failed = (result: Pick<HostResult, "error">, frames: string): Error => {
  const { name = "TypeError", message = "fetch failed", code } = result.error ?? {}
  const error =
    name === "AbortError" || name === "TimeoutError"
      ? new DOMException(message, name)
      : new TypeError(message)
  defineProperty(error, "stack", descriptor({ value: frames, writable: true, configurable: true }))
  if (code === undefined) return error
  if (code === "PERMISSION_DENIED") denied.add(error)
  return Object.assign(error, { code })
}

const responseOf = (result: HostResult, request: RequestState): ResponseState => {
  const wire = result.response
  const status = wire?.status
  if (wire === undefined || typeof status !== "number" || status < 200 || status > 599) {
    throw new TypeError("fetch: the host's answer is no response")
  }
  const state = new ResponseState()
  state.type = request.mode === "no-cors" || request.mode === "cors" ? "cors" : "basic"
  state.status = status
  state.statusText = wire.status_text ?? ""
  state.url = wire.url ?? request.urlWithoutFragment
  state.redirected = wire.redirected === true
  state.list = listFromWire(wire.headers ?? {})
  state.guard = "immutable"
  const empty = status === 204 || status === 205 || status === 304 || request.method === "HEAD"
  state.body = empty ? null : new Body(null, bytesFromWire(wire.body ?? ""), null)
  return state
}

/** Asks the host. `given` tells when the caller's signal fires. */
const callHost = (
  request: RequestState,
  bytes: Uint8Array | null,
  aborted: (stop: () => void) => void,
  frames: string
): Promise<ResponseState> =>
  new Promise((resolve, reject) => {
    const headers = wireHeaders(request.list)
    if (isCrowded(bytes === null ? 0 : bytes.length, request.urlWithoutFragment + stringify(headers))) {
      const message = "fetch: the request's body and headers are more than a call can carry"
      return reject(failed({ error: { message } }, frames))
    }
    const call_id = String((serial += 1))
    const invocation = invocationId()
    inFlight.set(call_id, (result) => {
      try {
        if (result.ok) resolve(responseOf(result, request))
        else reject(failed(result, frames))
      } catch (error) {
        reject(error)
      }
    })
    aborted(() => {
      // the host never heard of what still waits
      if (inFlight.delete(call_id) && !takeBack(call_id)) sendCall(invocation, { call_id, name: "abort" })
    })
    sendInTurn(call_id, () =>
      sendCall(invocation, {
        call_id,
        name: "fetch",
        request: {
          url: request.urlWithoutFragment,
          method: request.method,
          headers,
          body: bytes === null ? "" : native.base64Encode(bytes),
          redirect: request.redirect
        }
      })
    )
  })

/** What needs no network. */
const local = (request: RequestState): ResponseState | null => {
  const address = request.url
  const scheme = address.slice(0, address.indexOf(":"))
  if (scheme === "http" || scheme === "https") return null
  const state = new ResponseState()
  state.type = "basic"
  state.url = request.urlWithoutFragment
  state.guard = "immutable"
  state.statusText = "OK"
  if (scheme === "data") {
    const content = dataUrl(state.url)
    if (content === null) throw new TypeError("fetch: the data: URL is malformed")
    state.list.append("content-type", content.type)
    state.body = new Body(null, content.bytes, null)
    return state
  }
  if (scheme === "blob") {
    const blob = urls().blobOfUrl(address)
    if (blob === undefined || !files().isBlob(blob)) throw new TypeError("fetch: no Blob has this blob: URL")
    if (request.method !== "GET")
      throw new TypeError(`fetch: a blob: URL cannot be asked by ${request.method}`)
    const { body } = extractBody(blob, "fetch")
    state.list.append("content-length", String(body.memory().length))
    state.list.append("content-type", files().blobType(blob))
    state.body = body
    return state
  }
  throw new TypeError(`fetch: the scheme ${scheme}: cannot be fetched; http:, https:, data: and blob: can`)
}

const perform = async (request: RequestState): Promise<Response> => {
  const signal = request.signalIfAny
  if (signal === null) return makeResponse(await exchange(request, null, () => {}))
  if (signal.aborted) {
    cancelBody(request, signal.reason)
    throw signal.reason
  }
  const { whenAborted } = events()
  let stop: () => void = () => {}
  let onAbort: () => void = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      stop()
      cancelBody(request, signal.reason)
      reject(signal.reason as Error)
    }
    whenAborted.add(signal, onAbort)
  })
  try {
    const exchanged = exchange(request, signal, (whenStopped) => {
      stop = whenStopped
    })
    return makeResponse(await Promise.race([exchanged, aborted]))
  } finally {
    whenAborted.remove(signal, onAbort)
  }
}

/** A stream that is being sent is told that nobody wants it any more, also while it is read. */
const cancelBody = (request: RequestState, reason: unknown): void => {
  const { body } = request
  if (body !== null && !body.inMemory) streams().cancelQuietly(body.open(), reason)
}

const exchange = async (
  request: RequestState,
  signal: AbortSignal | null,
  aborted: (stop: () => void) => void
): Promise<ResponseState> => {
  const frames = new Error().stack ?? ""
  const answered = local(request)
  if (answered !== null) return answered
  if (hostIsDeaf()) {
    throw new TypeError(
      "fetch: nothing can be fetched while a snapshot is made; fetch in a call, or deploy without snapshot"
    )
  }
  const bytes = request.body === null ? null : await consumeBytes(request, "fetch")
  // the reading may have taken its time
  if (signal !== null && signal.aborted) throw signal.reason
  return callHost(request, bytes, aborted, frames)
}

/** What `fetch` does. */
export const fetchAny = (input: Request | string, init?: RequestInit): Promise<Response> => {
  try {
    return perform(requestState(new Request(input, init)))
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Whether a thrown value is a fetch that the host did not allow. */
export const wasDenied = (thrown: unknown): boolean =>
  isObject(thrown) && (applyTo(isIn, denied, [thrown]) as boolean)
