import { type ErrorCode, type Feature, type LogLevel, PROTOCOL_VERSION } from "../../protocol/worker/Wire.ts"
import { assign, byteLength, create, cut, stringify } from "./Intrinsics.ts"

/**
 * The guest's own messages as lines. They are put together by hand: an id is quoted once per invocation, and base64 needs
 * no escaping, so that a body of 10 MB is not walked through again. `id` is always a JSON string, quotes included.
 */

const FEATURES: ReadonlyArray<Feature> = ["concurrency", "cancel", "ping", "load"]

/** Longer log messages are cut (bytes of UTF-8, the note about the cut included). */
export const MAX_LOG_BYTES = 64 * 1024
/** Longer stacks and error messages are cut (characters). */
const MAX_ERROR_CHARS = 32 * 1024

// put together at once: later, a function may have given arrays a toJSON
const ready = `{"id":"","type":"ready","payload":{"protocol":"${PROTOCOL_VERSION}","runtime":"bun","runtime_version":"${Bun.version}","features":${stringify(FEATURES)}`
/** `handler` is the export that answers; undefined while no bundle is loaded. */
export const readyLine = (handler?: string): string =>
  handler === undefined ? `${ready}}}\n` : `${ready},"handler":${stringify(handler)}}}\n`

export const pongLine = (id: string): string => `{"id":${id},"type":"pong","payload":{}}\n`

/** `headers` is a JSON object, `body` is base64. */
export const responseLine = (id: string, status: number, headers: string, body: string): string =>
  `{"id":${id},"type":"response","payload":{"status":${status},"headers":${headers},"body":"${body}"}}\n`

export interface ErrorFields {
  readonly message: string
  readonly stack?: string | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
}

const short = (text: string): string =>
  text.length <= MAX_ERROR_CHARS ? text : `${cut(text, 0, MAX_ERROR_CHARS)}… [cut]`

export const errorLine = (id: string, code: ErrorCode, error: ErrorFields): string => {
  let fields = `"message":${stringify(short(error.message))}`
  // its own alone: a function may have given such fields to Object.prototype
  const { stack, line, column } = assign(create(null) as Partial<ErrorFields>, error)
  if (typeof stack === "string") fields += `,"stack":${stringify(short(stack))}`
  if (typeof line === "number") fields += `,"line":${line}`
  if (typeof column === "number") fields += `,"column":${column}`
  return `{"id":${id},"type":"error","payload":{${fields},"code":"${code}"}}\n`
}

/**
 * The error line of last resort, where not even the failure can be told: the function has spoilt something that this was
 * told with. It needs nothing but the language.
 */
export const bareErrorLine = (id: string, code: ErrorCode): string =>
  `{"id":${id},"type":"error","payload":{"message":"it failed, and how cannot be told","code":"${code}"}}\n`

/** `stack` travels as metadata. */
export const logLine = (id: string, level: LogLevel, message: string, stack?: string): string => {
  const metadata = stack === undefined ? "" : `,"metadata":{"stack":${stringify(short(stack))}}`
  return `{"id":${id},"type":"log","payload":{"level":"${level}","message":${stringify(bounded(message))}${metadata}}}\n`
}

/** No character takes more than three bytes of UTF-8 per UTF-16 unit. */
const SURELY_FITS = Math.floor(MAX_LOG_BYTES / 3)
const NOTE_BYTES = 64

const bounded = (message: string): string => {
  if (message.length <= SURELY_FITS) return message
  const size = byteLength(message)
  if (size <= MAX_LOG_BYTES) return message
  const room = MAX_LOG_BYTES - NOTE_BYTES
  let kept = cut(message, 0, room)
  let bytes = byteLength(kept)
  while (bytes > room) {
    // every unit that is taken away frees at least a byte, and at most three
    kept = cut(kept, 0, kept.length - (((bytes - room + 2) / 3) | 0))
    bytes = byteLength(kept)
  }
  const last = kept.charCodeAt(kept.length - 1)
  if (last >= 0xd800 && last <= 0xdbff) {
    kept = cut(kept, 0, -1)
    bytes = byteLength(kept)
  }
  return `${kept}… [cut: ${size - bytes} of ${size} bytes]`
}
