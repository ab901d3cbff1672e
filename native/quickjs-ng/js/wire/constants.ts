/** Generated from src/protocol/worker/Wire.ts by native/quickjs-ng/tools/wire-constants.ts. */

export type LogLevel = "debug" | "info" | "warn" | "error"
export type ErrorCode =
  | "HANDLER_ERROR"
  | "INVALID_RESPONSE"
  | "RESPONSE_TOO_LARGE"
  | "BUNDLE_LOAD_ERROR"
  | "NO_HANDLER"
  | "PERMISSION_DENIED"
  | "OUT_OF_MEMORY"
  | "CANCELLED"
export type Feature = "concurrency" | "cancel" | "stream" | "ping" | "load" | "call" | "fork"

/** Bytes. */
export const MAX_BODY_BYTES = 49283072
/** Beside the largest body; a character of the headers' JSON counts one and a half. */
export const HEADER_ROOM = 786432
export const EXIT = { load: 1, memory: 12, protocol: 70 } as const
