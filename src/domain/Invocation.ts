import type { Isolation, Runtime } from "./FunctionSpec.ts"
import type { FunctionId, FunctionName, VersionId, VersionLabel } from "./Ids.ts"
import type { FunctionLimits } from "./FunctionSpec.ts"
import type { Capabilities } from "./Capabilities.ts"
import type { InvocationError } from "./Errors.ts"

/**
 * The data plane's types: plain interfaces, made once per call from checked input and never decoded again.
 * Header names are lower case; a header that occurs more than once is an array, in order.
 */
export type Headers = Readonly<Record<string, string | ReadonlyArray<string>>>

/** A request's headers on their way to the handler; changed in place, because the map was made for this call. */
export type RequestHeaders = Record<string, string | ReadonlyArray<string>>

/** One call of a function, whatever it came by (HTTP, socket, CLI, a trigger). */
export interface Invocation {
  readonly id: string
  readonly method: string
  /** The path the handler sees, beginning with `/`, without the query. */
  readonly path: string
  /** Path and raw query string, so that repeated keys and their order survive. */
  readonly url: string
  readonly headers: Headers
  readonly body: Uint8Array | null
  /** W3C traceparent, when the caller sent one. */
  readonly trace?: string
  /** A tighter budget than the function's own `timeout_seconds`, in milliseconds. */
  readonly deadlineMs?: number
}

/** An invocation whose body can be let go of, once nobody will give it to a worker any more. */
export type Forgetful = Omit<Invocation, "body"> & { body: Uint8Array | null }

/** What a handler answered. */
export interface InvocationResult {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly coldStart: boolean
  /** From the hand-over to a worker until its answer, in milliseconds. */
  readonly executionMs: number
  /** From admission until a worker took it, in milliseconds. */
  readonly queueMs: number
}

/** The one terminal outcome of an invocation. */
export type Outcome =
  | { readonly _tag: "Success"; readonly result: InvocationResult }
  | { readonly _tag: "Failure"; readonly error: InvocationError }

/**
 * What a name resolves to at one instant: everything an invocation needs, immutable. A deploy makes a new one;
 * an invocation keeps the one it was admitted with.
 */
export interface Target {
  readonly functionId: FunctionId
  readonly name: FunctionName
  readonly versionId: VersionId
  readonly version: VersionLabel
  readonly runtime: Runtime
  readonly handler: string
  /** Absolute path of the bundle. */
  readonly bundlePath: string
  readonly limits: FunctionLimits
  readonly capabilities: Capabilities
  readonly env: Readonly<Record<string, string>>
  readonly exposeErrors: boolean
  readonly isolation: Isolation
  /** Workers are forked from a process that has the bundle evaluated. */
  readonly snapshot: boolean
}
