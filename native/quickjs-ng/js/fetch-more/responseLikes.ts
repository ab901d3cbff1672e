import {
  type Answer,
  bareAnswer,
  bodyAnswer,
  consumeBytes,
  extractBody,
  type Fault,
  hasNoBody,
  headerList,
  HeaderList,
  headerName,
  isHeaders,
  isHeaderValue,
  normalValue,
  statusFault
} from "bunbase:fetch"
import { bytesOfSource } from "../webidl/bytes.ts"
import { isObject } from "../webidl/isObject.ts"

// Responses of other makes (a polyfill's, a test double's): `status`, `headers`, and `arrayBuffer()` or `body`.

// what the session works with once the function runs: one that replaces these harms only itself
const { isArray } = Array
const { is, keys: keysOf } = Object
const { apply } = Reflect
const { stringify } = JSON
const { iterator } = Symbol
const HINT = "return a Response, for example new Response(text) or Response.json(value)"

/** What it was that the handler returned, in a few words. */
const describe = (value: unknown): string => {
  if (value === undefined) return "nothing (undefined)"
  if (value === null) return "null"
  switch (typeof value) {
    case "object": {
      const keys = keysOf(value)
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
      return `the ${typeof value} ${is(value, -0) ? "-0" : String(value)}`
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

/** What is sent of a value that is no Response of ours: a Response of another make, or a fault that says what it is. */
export const likeResponse = (value: unknown): Answer | Promise<Answer> => {
  if (typeof value !== "object" || value === null) return notAResponse(value)
  try {
    const like = value as ResponseLike
    const { status } = like
    if (typeof status !== "number" || !("arrayBuffer" in like || "body" in like)) return notAResponse(value)
    const fault = statusFault(status)
    if (fault !== null) return fault
    const headers = anyHeaders(like.headers).toJson()
    if (hasNoBody(status)) return bareAnswer(status, headers)
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
  const body: unknown = typeof arrayBuffer === "function" ? await apply(arrayBuffer, like, []) : like.body
  if (body === null || body === undefined) return bareAnswer(status, headers)
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
  if (isHeaders(from)) return headerList(from)
  const list = new HeaderList()
  if (from === undefined || from === null) return list
  if (typeof from !== "object") throw new TypeError(`its headers are ${describe(from)}`)
  const addOne = (name: string, held: unknown): void => {
    const lower = headerName(name)
    const value = normalValue(`${held as string}`)
    if (lower === null) throw new TypeError(`${stringify(name)} is not a valid header name`)
    if (!isHeaderValue(value)) throw new TypeError(`${stringify(value)} is not a valid header value`)
    list.append(lower, value)
  }
  const add = (name: unknown, held: unknown): void => {
    if (isArray(held)) for (const one of held) addOne(`${name as string}`, one)
    else addOne(`${name as string}`, held)
  }
  if (iterator in from) {
    const { getSetCookie } = from as { readonly getSetCookie?: unknown }
    const cookies: unknown = typeof getSetCookie === "function" ? apply(getSetCookie, from, []) : undefined
    for (const pair of from as Iterable<readonly [unknown, unknown]>) {
      if (cookies === undefined || String(pair[0]).toLowerCase() !== "set-cookie") add(pair[0], pair[1])
    }
    if (cookies !== undefined) add("set-cookie", cookies)
  } else {
    for (const name of keysOf(from)) add(name, (from as Record<string, unknown>)[name])
  }
  return list
}
