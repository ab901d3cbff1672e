import type {
  DeploymentView,
  FunctionDeletion,
  FunctionView,
  ResetView,
  RollbackView,
  RuntimesView,
  VersionDeletion,
  VersionView
} from "../protocol/Management.ts"

/** Header fields: a map (a field that occurs more than once as an array), or pairs in order. */
export type HeaderInput =
  | Readonly<Record<string, string | ReadonlyArray<string>>>
  | ReadonlyArray<readonly [name: string, value: string]>

/** Every call can be given up. */
export interface CallOptions {
  /**
   * Rejects the promise with the signal's reason. Over HTTP the request itself is given up, and with it the invocation. The
   * socket protocol has no message for that: there the answer is dropped when it comes, and the server goes on.
   */
  readonly signal?: AbortSignal
  /** Give up after so many milliseconds: rejects with `FN_002`. */
  readonly timeoutMs?: number
}

export interface InvokeRequest extends CallOptions {
  /** Default: GET, or POST where there is a body. */
  readonly method?: string
  /** The path that the handler sees; default `/`. A query may follow it. */
  readonly path?: string
  /** Appended to the query; an array gives a key several values. */
  readonly query?: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly headers?: HeaderInput
  /** A string is sent as UTF-8. No content type is added. */
  readonly body?: string | Uint8Array | ArrayBuffer
}

/** What a function answered. */
export interface InvokeResult {
  readonly status: number
  /** In order, names in lower case, `set-cookie` and others as often as they came. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** The value of a header field; several are joined with `, `. Null where there is none. */
  readonly header: (name: string) => string | null
  readonly body: Uint8Array
  /** The body as UTF-8. */
  readonly text: () => string
  /** The body parsed as JSON; throws a SyntaxError. */
  readonly json: () => unknown
  /** The invocation's id, under which its logs are found. */
  readonly executionId: string
  /** How long the function ran, in milliseconds; null where the transport does not tell. */
  readonly executionTimeMs: number | null
}

/** What a function is to be. Only the name is required; the rest follows the server's defaults. */
export interface RegisterInput {
  /** 1–63 lower-case letters, digits and hyphens. */
  readonly name: string
  /** Default: `bun`. */
  readonly runtime?: "bun" | "quickjs-ng" | undefined
  /** The export that handles requests when there is no default export. */
  readonly handler?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly memory_mb?: number | undefined
  readonly timeout_seconds?: number | undefined
  readonly max_concurrent_executions?: number | undefined
  readonly warm_workers?: number | undefined
  readonly max_workers?: number | undefined
  readonly concurrency?: number | undefined
  readonly idle_timeout_seconds?: number | undefined
  readonly max_worker_invocations?: number | undefined
  readonly max_worker_age_seconds?: number | undefined
  readonly expose_errors?: boolean | undefined
  readonly isolation?: "worker" | "invocation" | undefined
  readonly snapshot?: boolean | undefined
  readonly capabilities?: FunctionView["capabilities"] | undefined
}

/** A bundle by its absolute path on the server's machine, or its text. */
export type DeployInput =
  | { readonly version: string; readonly bundlePath: string }
  | { readonly version: string; readonly bundle: string; readonly sourceMap?: string }

/** Where to go back to: a version's label; without one, to the version that was in force before. */
export interface RollbackInput {
  readonly version?: string | undefined
}

/** Who answered. */
export interface PingResult {
  /** The server's version; null where it does not tell (over HTTP). */
  readonly version: string | null
  /** Where the same server takes HTTP from this machine, e.g. `http://127.0.0.1:8080`; null where it does not tell. */
  readonly httpUrl: string | null
  /** The folder of the server's daily log files; null where it does not tell (over HTTP). */
  readonly logsDir: string | null
  /** By name, whether functions can run on it there, and why not; null where it does not tell (over HTTP: `GET /ready`). */
  readonly runtimes: RuntimesView | null
  /** Protocol versions by name, e.g. `{ socket: "1.0", worker: "1.1" }`. */
  readonly protocols: Readonly<Record<string, string>>
  /** From asking to the answer, in milliseconds. */
  readonly roundTripMs: number
}

/**
 * A connection to the functions service, the same over its socket and over HTTP. Functions are named by name or id.
 *
 * Every promise rejects with `FunctionsError` (the service or the function said no), `ConnectionError` (nobody there, or
 * gone), `ProtocolError` (not our protocol), or the reason of the signal that was given.
 */
export interface FunctionsClient {
  readonly address: string
  readonly register: (input: RegisterInput, options?: CallOptions) => Promise<FunctionView>
  readonly deploy: (nameOrId: string, input: DeployInput, options?: CallOptions) => Promise<DeploymentView>
  /** Puts an earlier version in force again: the one named, or the one that was in force before. */
  readonly rollback: (nameOrId: string, input?: RollbackInput, options?: CallOptions) => Promise<RollbackView>
  /** Forgets failed starts and crashes of a function's workers: a quarantine ends, and one is tried at once. */
  readonly reset: (nameOrId: string, options?: CallOptions) => Promise<ResetView>
  /** Ends a function. Calls that it has are finished; its versions stay on the server's disk; its name is free. */
  readonly deleteFunction: (nameOrId: string, options?: CallOptions) => Promise<FunctionDeletion>
  /** Removes a version that is not in force, with its bundle. */
  readonly deleteVersion: (
    nameOrId: string,
    version: string,
    options?: CallOptions
  ) => Promise<VersionDeletion>
  readonly list: (options?: CallOptions) => Promise<ReadonlyArray<FunctionView>>
  readonly get: (nameOrId: string, options?: CallOptions) => Promise<FunctionView>
  readonly versions: (nameOrId: string, options?: CallOptions) => Promise<ReadonlyArray<VersionView>>
  /** Calls a function. An answer of any status is a result; a failure of the function or the service rejects. */
  readonly invoke: (nameOrId: string, request?: InvokeRequest) => Promise<InvokeResult>
  readonly ping: (options?: CallOptions) => Promise<PingResult>
  /** Ends the connection; what is still in flight rejects with `ConnectionError`. Harmless when repeated. */
  readonly close: () => Promise<void>
}
