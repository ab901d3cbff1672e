import { charCodeAt, ownField, slice } from "../webidl/primordials.ts"
import type { ErrorCode, Feature, LogLevel } from "../wire/constants.ts"
import { native } from "./native.ts"
import { stringify } from "./intrinsics.ts"

/**
 * The worker's messages as lines. They are put together by hand: an id is quoted once per invocation. `id` is always a
 * JSON string, quotes included.
 */

/** Longer log messages are cut (bytes of UTF-8, the note about the cut included). */
const MAX_LOG_BYTES = 64 * 1024
/** Longer stacks and error messages are cut (characters). */
const MAX_ERROR_CHARS = 32 * 1024

/** The features of a worker, as a JSON array: put together at once, for later a function may have given arrays a toJSON. */
export const featureList = (features: ReadonlyArray<Feature>): string => stringify(features)

/** `features` is such a list; `handler` is the export that answers, undefined while no bundle is loaded. */
export const readyLine = (features: string, pid: number, handler?: string): string =>
  `{"id":"","type":"ready","payload":{"protocol":"${native.protocolVersion}","runtime":"quickjs-ng","runtime_version":"${native.engineVersion}","features":${features},"pid":${pid}${handler === undefined ? "" : `,"handler":${stringify(handler)}`}}}`

export const pongLine = (id: string): string => `{"id":${id},"type":"pong","payload":{}}`

/** What comes before the body in base64, and after it. `headers` is a JSON object. */
export const responseHead = (id: string, status: number, headers: string): string =>
  `{"id":${id},"type":"response","payload":{"status":${status},"headers":${headers},"body":"`
export const RESPONSE_TAIL = `"}}`

export interface ErrorFields {
  readonly message: string
  readonly stack?: string | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
}

const short = (text: string): string =>
  text.length <= MAX_ERROR_CHARS ? text : `${slice(text, 0, MAX_ERROR_CHARS)}… [cut]`

export const errorLine = (id: string, code: ErrorCode, error: ErrorFields): string => {
  let fields = `"message":${stringify(short(error.message))}`
  const stack = ownField(error, "stack")
  const line = ownField(error, "line")
  const column = ownField(error, "column")
  if (typeof stack === "string") fields += `,"stack":${stringify(short(stack))}`
  if (typeof line === "number") fields += `,"line":${line}`
  if (typeof column === "number") fields += `,"column":${column}`
  return `{"id":${id},"type":"error","payload":{${fields},"code":"${code}"}}`
}

/**
 * The error line of last resort, where not even the failure can be told: the function has spoilt something that this was
 * told with. It needs nothing but the language.
 */
export const bareErrorLine = (id: string, code: ErrorCode): string =>
  '{"id":' +
  id +
  ',"type":"error","payload":{"message":"it failed, and how cannot be told","code":"' +
  code +
  '"}}'

/** `stack` travels as metadata. */
export const logLine = (id: string, level: LogLevel, message: string, stack?: string): string => {
  const metadata = stack === undefined ? "" : `,"metadata":{"stack":${stringify(short(stack))}}`
  return `{"id":${id},"type":"log","payload":{"level":"${level}","message":${stringify(bounded(message))}${metadata}}}`
}

/** No character takes more than three bytes of UTF-8 per UTF-16 unit. */
const SURELY_FITS = 21_845
const NOTE_BYTES = 64
const { ceil } = Math

const bounded = (message: string): string => {
  if (message.length <= SURELY_FITS) return message
  const size = native.utf8Length(message)
  if (size <= MAX_LOG_BYTES) return message
  const room = MAX_LOG_BYTES - NOTE_BYTES
  let kept = slice(message, 0, room)
  let bytes = native.utf8Length(kept)
  while (bytes > room) {
    // every unit that is taken away frees at least a byte, and at most three
    kept = slice(kept, 0, kept.length - ceil((bytes - room) / 3))
    bytes = native.utf8Length(kept)
  }
  const last = charCodeAt(kept, kept.length - 1)
  if (last >= 0xd800 && last <= 0xdbff) {
    kept = slice(kept, 0, -1)
    bytes = native.utf8Length(kept)
  }
  return `${kept}… [cut: ${size - bytes} of ${size} bytes]`
}
