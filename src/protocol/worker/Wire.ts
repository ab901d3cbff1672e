/**
 * The worker protocol's words, in one place and without dependencies: the guest program loads this file too, and every
 * millisecond of its start is a millisecond of a cold start. The Schemas of the same messages are in `Messages.ts`;
 * constants for other languages are generated from here.
 *
 * A line is `{"id": string, "type": string, "payload": object}` and a `\n`, in UTF-8.
 */

/** The version that this side speaks. A `ready` without a version is a 1.0 worker. */
export const PROTOCOL_VERSION = "1.1"

/** A longer line is a violation: 64 MiB, the newline not counted. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024

/**
 * A worker answers RESPONSE_TOO_LARGE instead of a longer body: in base64 it would make a line over the limit, less some
 * room for the headers. Whatever a server's own limit is, it is lower, and the server compares with that.
 */
export const MAX_BODY_BYTES = 47 * 1024 * 1024

/**
 * What the headers may come to beside the largest body: 512 Ki characters of JSON. A character of theirs takes up to two bytes
 * of a line, as much as one and a half of a body do in base64, and is counted so: where a body's bytes and one and a half times
 * the headers' characters are more than this and MAX_BODY_BYTES together, a worker answers RESPONSE_TOO_LARGE as well.
 */
export const HEADER_ROOM = 768 * 1024

/** What a 1.1 worker may announce in `ready`. */
export const FEATURES = ["concurrency", "cancel", "stream", "ping", "load", "call", "fork"] as const
export type Feature = (typeof FEATURES)[number]

export const ERROR_CODES = [
  "HANDLER_ERROR",
  "INVALID_RESPONSE",
  "RESPONSE_TOO_LARGE",
  "BUNDLE_LOAD_ERROR",
  "NO_HANDLER",
  "PERMISSION_DENIED",
  "OUT_OF_MEMORY",
  "CANCELLED"
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** How a worker's process ends: the bundle could not be loaded; its memory is used up; the host broke the protocol. */
export const EXIT_CODES = { load: 1, memory: 12, protocol: 70 } as const

/**
 * When this variable holds a descriptor's number, the worker speaks the protocol there, in both directions, instead of
 * on its stdin and stdout. Those then are the function's own: nothing that it prints can reach the protocol.
 */
export const PROTOCOL_FD_VARIABLE = "BUNBASE_PROTOCOL_FD"

/** Header values: a string, or an array where the header occurs more than once (1.1). Names are lower case. */
export type WireHeaders = Readonly<Record<string, string | ReadonlyArray<string>>>

export interface Envelope<Type extends string, Payload> {
  readonly id: string
  readonly type: Type
  readonly payload: Payload
}

// Host → worker

export interface InvokePayload {
  readonly method: string
  /** Begins with `/`; without the query. */
  readonly path: string
  /** 1.1: path and raw query string. */
  readonly url?: string
  readonly headers: WireHeaders
  /** The query as a map; of a repeated key, the last value. `url` has them all. */
  readonly query: Readonly<Record<string, string>>
  /** Base64; empty where there is no body. */
  readonly body: string
  /** What is left of the invocation's time, in milliseconds, when the host writes the line. */
  readonly deadline_ms: number
  /** 1.1: W3C traceparent. */
  readonly trace?: string
}

export interface LoadPayload {
  readonly bundle_path: string
  readonly handler: string
  /** Replaces the worker's whole environment for the function. */
  readonly env: Readonly<Record<string, string>>
  /** What the function may do beyond computing. What the worker can keep from it itself (`eval`), it does. */
  readonly capabilities?: unknown
  readonly limits?: WorkerLimits
  /**
   * To a worker that can fork: load the bundle, then listen on this unix socket instead of serving. Every connection there
   * is a new worker that has the bundle loaded; this wire becomes the fork server's control channel.
   */
  readonly zygote?: string
}

/** What a worker holds itself to, by its engine and by the kernel (setrlimit). What is left out is not limited. */
export interface WorkerLimits {
  /** Of the engine's heap and the process's data, in MiB. */
  readonly memory_mb?: number
  readonly stack_kb?: number
  /** CPU time of the whole process, in seconds. */
  readonly cpu_seconds?: number
  readonly max_fds?: number
  readonly max_processes?: number
}

export interface CancelPayload {
  readonly reason: "client_gone" | "deadline"
}

/** To a call that the worker made; its `id` is that of the call. */
export type ResultPayload =
  | { readonly call_id: string; readonly ok: true; readonly response: FetchedResponse }
  | {
      readonly call_id: string
      readonly ok: false
      /** `AbortError` and `TimeoutError` by that name, anything else is a TypeError; `code` e.g. PERMISSION_DENIED. */
      readonly error: { readonly name: string; readonly message: string; readonly code?: string }
    }

export interface FetchedResponse {
  readonly status: number
  readonly status_text: string
  /** Where the answer came from at last. */
  readonly url: string
  readonly redirected: boolean
  readonly headers: WireHeaders
  /** Base64. */
  readonly body: string
}

export type HostMessage =
  | Envelope<"invoke", InvokePayload>
  | Envelope<"result", ResultPayload>
  | Envelope<"load", LoadPayload>
  | Envelope<"cancel", CancelPayload>
  | Envelope<"ping", Record<string, never>>
  | Envelope<"shutdown", Record<string, never>>

// Worker → host

export interface ReadyPayload {
  readonly protocol?: string
  readonly runtime?: string
  readonly runtime_version?: string
  readonly features?: ReadonlyArray<string>
  /** The export of the bundle that answers: the one that the host named, or `default`, which comes before it. */
  readonly handler?: string
  /** Of a forked worker: its process id, which its host cannot know otherwise. */
  readonly pid?: number
}

export interface ResponsePayload {
  /** 200 to 599. */
  readonly status: number
  readonly headers: WireHeaders
  /** Base64. */
  readonly body: string
}

export interface ErrorPayload {
  readonly message: string
  readonly stack?: string
  readonly code: string
  /** Where code could not be loaded: 1-based place in the bundle. */
  readonly line?: number
  readonly column?: number
}

export interface LogPayload {
  readonly level: LogLevel
  readonly message: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** What the host is asked to do for the invocation with this `id` (empty: outside of any). Needs the feature `call`. */
export interface CallPayload {
  /** Unique on this wire among those under way. */
  readonly call_id: string
  /** `fetch`; `abort`: nobody waits for the call with this id any more, and it gets no result. */
  readonly name: string
  /** Of `fetch`. */
  readonly request?: FetchRequest
}

export interface FetchRequest {
  /** Absolute, http or https. */
  readonly url: string
  readonly method: string
  readonly headers: WireHeaders
  /** Base64; empty where there is none. */
  readonly body: string
  readonly redirect: "follow" | "error" | "manual"
}

export type WorkerMessage =
  | Envelope<"ready", ReadyPayload>
  | Envelope<"response", ResponsePayload>
  | Envelope<"error", ErrorPayload>
  | Envelope<"log", LogPayload>
  | Envelope<"pong", Record<string, never>>
  | Envelope<"call", CallPayload>
