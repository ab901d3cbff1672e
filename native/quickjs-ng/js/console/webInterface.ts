import { getPrototypeOf as prototypeOf } from "bunbase:core"

const { getOwnPropertyDescriptor: descriptorOf } = Object

type Show = (value: unknown, indent: string) => string
/** `indent` is that of the line on which the value begins. */
type How = (value: object, show: Show, indent: string) => string

/** Calls a getter of our own prototype: a subclass cannot get in between. */
const get = (proto: object, name: string, value: object): unknown =>
  (descriptorOf(proto, name)?.get as (() => unknown) | undefined)?.call(value)

const lines = (title: string, pairs: ReadonlyArray<readonly [string, string]>, indent: string): string => {
  if (pairs.length === 0) return `${title} {}`
  return `${title} {\n${pairs.map(([key, text]) => `${indent}  ${key}: ${text},\n`).join("")}${indent}}`
}

const attributes =
  (title: string, names: ReadonlyArray<string>) =>
  (proto: object): How =>
  (value, show, indent) =>
    lines(
      title,
      names.map((name) => [name, show(get(proto, name, value), "  ")] as const),
      indent
    )

const entries = (title: string) => (): How => (value, show, indent) => {
  const grouped = new Map<string, Array<unknown>>()
  for (const [name, one] of value as Iterable<readonly [string, unknown]>) {
    const group = grouped.get(name)
    if (group === undefined) grouped.set(name, [one])
    else group.push(one)
  }
  return lines(
    title,
    [...grouped].map(
      ([name, all]) => [JSON.stringify(name), show(all.length === 1 ? all[0] : all, "  ")] as const
    ),
    indent
  )
}

const sized =
  (title: string) =>
  (proto: object): How =>
  (value) =>
    `${title} (${String(get(proto, "size", value))} bytes)`

/** How the objects of the Web's interfaces are shown: the attributes that tell something, no methods. */
const INTERFACES: Readonly<Record<string, (proto: object) => How>> = {
  Headers: entries("Headers"),
  URLSearchParams: entries("URLSearchParams"),
  FormData: entries("FormData"),
  URL: attributes("URL", [
    "href",
    "origin",
    "protocol",
    "username",
    "password",
    "host",
    "hostname",
    "port",
    "pathname",
    "search",
    "searchParams",
    "hash"
  ]),
  Request: attributes("Request", ["method", "url", "headers"]),
  Response: attributes("Response", [
    "ok",
    "url",
    "status",
    "statusText",
    "headers",
    "redirected",
    "bodyUsed"
  ]),
  File: attributes("File", ["name", "size", "type", "lastModified"]),
  Blob: sized("Blob"),
  AbortSignal: attributes("AbortSignal", ["aborted", "reason", "onabort"]),
  AbortController: attributes("AbortController", ["signal"]),
  Event: attributes("Event", ["type", "target", "bubbles", "cancelable", "defaultPrevented"]),
  CustomEvent: attributes("CustomEvent", ["detail"]),
  TextEncoder: attributes("TextEncoder", ["encoding"]),
  TextDecoder: attributes("TextDecoder", ["encoding", "fatal", "ignoreBOM"]),
  ReadableStream: attributes("ReadableStream", ["locked"]),
  WritableStream: attributes("WritableStream", ["locked"]),
  TransformStream: attributes("TransformStream", []),
  URLPattern: attributes("URLPattern", [
    "protocol",
    "username",
    "password",
    "hostname",
    "port",
    "pathname",
    "search",
    "hash"
  ]),
  CryptoKey: attributes("CryptoKey", ["type", "extractable", "algorithm", "usages"])
}

/** How an instance of one of the Web's interfaces is shown; null for any other object. */
export const webInterface = (value: object): How | null => {
  for (
    let proto = prototypeOf(value) as object | null;
    proto !== null;
    proto = prototypeOf(proto) as object | null
  ) {
    const tag = descriptorOf(proto, Symbol.toStringTag)?.value as unknown
    if (typeof tag !== "string" || !Object.hasOwn(INTERFACES, tag)) continue
    // The global is an accessor until its part of the library is loaded; then no instance of it exists.
    const current = descriptorOf(globalThis, tag)?.value as { readonly prototype?: unknown } | undefined
    if (current?.prototype === proto) return (INTERFACES[tag] as (proto: object) => How)(proto)
  }
  return null
}
