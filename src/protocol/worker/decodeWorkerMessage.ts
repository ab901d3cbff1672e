import { headerFault } from "./headerSyntax.ts"
import { LOG_LEVELS, type WorkerMessage } from "./Wire.ts"

/**
 * One line from a worker, sorted:
 * - `message`: well-formed and known;
 * - `ignored`: a message of a type this host does not know (WP: ignored, for later versions);
 * - `invalid`: names a known type but breaks its shape: a protocol violation;
 * - `stray`: not a message at all: something printed onto the protocol; it becomes a log line. So does a large line of
 *   more values than any message has.
 */
export type DecodedLine =
  | { readonly _tag: "message"; readonly message: WorkerMessage }
  | { readonly _tag: "ignored"; readonly type: string }
  | { readonly _tag: "invalid"; readonly type: string; readonly reason: string }
  | { readonly _tag: "stray"; readonly text: string }

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const lossy = new TextDecoder("utf-8", { ignoreBOM: true })

type Fields = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const NO_HEADERS = "headers is not a map of strings or arrays of strings"

/** Why these are no headers that HTTP can send, or null: told here, the invocation's record and its caller hear the same. */
const headersFault = (value: unknown): string | null => {
  if (!isObject(value)) return NO_HEADERS
  for (const name in value) {
    const held = value[name]
    if (typeof held === "string") {
      const reason = headerFault(name, held)
      if (reason !== null) return reason
      continue
    }
    if (!Array.isArray(held)) return NO_HEADERS
    // A name without any value is checked too.
    let reason = headerFault(name, "")
    for (const one of held) reason ??= typeof one === "string" ? headerFault(name, one) : NO_HEADERS
    if (reason !== null) return reason
  }
  return null
}

const optionalText = (value: unknown): boolean => value === undefined || typeof value === "string"
/** JSON has no infinity, but 1e999 becomes one. */
const optionalNumber = (value: unknown): boolean => value === undefined || Number.isFinite(value)

const isHeaderMap = (value: unknown): boolean =>
  isObject(value) &&
  Object.values(value).every(
    (held) =>
      typeof held === "string" || (Array.isArray(held) && held.every((one) => typeof one === "string"))
  )

const requestFault = (request: unknown): string | null => {
  if (!isObject(request)) return "request is not an object"
  for (const field of ["url", "method", "body"]) {
    if (typeof request[field] !== "string") return `request.${field} is not a string`
  }
  if (!["follow", "error", "manual"].includes(request["redirect"] as string)) {
    return "request.redirect is not follow, error or manual"
  }
  return isHeaderMap(request["headers"]) ? null : `request.${NO_HEADERS}`
}

/** The payload's fault, or null. Mirrors `Messages.ts`; a property test holds the two together. */
const fault = (type: string, payload: Fields): string | null => {
  switch (type) {
    case "response": {
      const { status } = payload
      if (typeof status !== "number" || !Number.isInteger(status) || status < 200 || status > 599) {
        return "status is not a whole number from 200 to 599"
      }
      if (typeof payload["body"] !== "string") return "body is not a string"
      return headersFault(payload["headers"])
    }
    case "error":
      if (typeof payload["message"] !== "string") return "message is not a string"
      if (typeof payload["code"] !== "string") return "code is not a string"
      if (!optionalText(payload["stack"])) return "stack is not a string"
      return optionalNumber(payload["line"]) && optionalNumber(payload["column"])
        ? null
        : "line or column is not a number"
    case "log":
      if (typeof payload["message"] !== "string") return "message is not a string"
      if (!(LOG_LEVELS as ReadonlyArray<unknown>).includes(payload["level"]))
        return "level is not a log level"
      return payload["metadata"] === undefined || isObject(payload["metadata"])
        ? null
        : "metadata is not an object"
    case "ready": {
      const { features, pid } = payload
      if (!optionalText(payload["protocol"])) return "protocol is not a string"
      if (!optionalText(payload["runtime"])) return "runtime is not a string"
      if (!optionalText(payload["runtime_version"])) return "runtime_version is not a string"
      if (!optionalText(payload["handler"])) return "handler is not a string"
      if (pid !== undefined && !(Number.isSafeInteger(pid) && (pid as number) > 0))
        return "pid is not a process id"
      return features === undefined ||
        (Array.isArray(features) && features.every((f) => typeof f === "string"))
        ? null
        : "features is not an array of strings"
    }
    case "pong":
      return null
    case "call":
      if (typeof payload["call_id"] !== "string") return "call_id is not a string"
      if (typeof payload["name"] !== "string") return "name is not a string"
      return payload["request"] === undefined ? null : requestFault(payload["request"])
    default:
      return "unknown"
  }
}

const known = new Set(["response", "log", "error", "ready", "pong", "call"])

// A parser makes eighty bytes and a quarter of a microsecond of every `[`: 64 MiB of them would stop the server for a
// quarter of a minute and cost 5 GB. Whatever is large among the protocol's messages is one long string.
const LARGE_LINE_BYTES = 64 * 1024
const MOST_VALUES_IN_LARGE_LINE = 16 * 1024

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const OPEN_BRACE = 0x7b

/** Whether the quote at `at` stands behind an odd number of backslashes. */
const isEscaped = (bytes: Uint8Array, at: number): boolean => {
  let before = at - 1
  while (bytes[before] === BACKSLASH) before -= 1
  return (at - before) % 2 === 0
}

/** Whether a line would be taken apart into more values than any message has. Strings are passed over. */
const isCrowded = (bytes: Uint8Array): boolean => {
  let values = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      do at = bytes.indexOf(QUOTE, at + 1)
      while (at !== -1 && isEscaped(bytes, at))
      if (at === -1) return false
    } else if (byte === COMMA || byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      values += 1
      if (values > MOST_VALUES_IN_LARGE_LINE) return true
    }
  }
  return false
}

/** Sorts one line from a worker. Never throws, whatever the bytes. */
export const decodeWorkerMessage = (bytes: Uint8Array): DecodedLine => {
  if (bytes.length > LARGE_LINE_BYTES && isCrowded(bytes)) return { _tag: "stray", text: lossy.decode(bytes) }
  let value: unknown
  try {
    value = JSON.parse(strict.decode(bytes))
  } catch {
    return { _tag: "stray", text: lossy.decode(bytes) }
  }
  if (!isObject(value) || typeof value["type"] !== "string" || typeof value["id"] !== "string") {
    return { _tag: "stray", text: lossy.decode(bytes) }
  }
  const { type, payload } = value
  if (!known.has(type)) return { _tag: "ignored", type }
  if (!isObject(payload)) return { _tag: "invalid", type, reason: "payload is not an object" }
  const reason = fault(type, payload)
  return reason === null
    ? { _tag: "message", message: value as unknown as WorkerMessage }
    : { _tag: "invalid", type, reason }
}
