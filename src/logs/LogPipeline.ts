import { Context, type Effect } from "effect"
import type { ColdStart } from "../domain/ColdStart.ts"
import type { Ending } from "../domain/EndCause.ts"
import type { LogLevel } from "../protocol/worker/Wire.ts"

/** One line that a function or the service said, attributed. */
export interface LogEntry {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly level: LogLevel
  readonly functionId?: string
  readonly functionName?: string
  readonly version?: string
  readonly invocationId?: string
  readonly workerId?: string
  readonly message: string
  readonly metadata?: Readonly<Record<string, unknown>>
  /** A stack of the function's code; positions refer to its bundle until the pipeline maps them to its sources. */
  readonly stack?: string
  /** Where the source map of `stack` lies, if there is one. */
  readonly bundlePath?: string
}

/** The one record of an invocation. */
export interface InvocationRecord {
  readonly at: number
  readonly invocationId: string
  readonly functionId: string
  readonly functionName: string
  readonly version: string
  readonly workerId: string | null
  readonly outcome: "ok" | "error" | "cancelled"
  /** HTTP status of an answer. */
  readonly status: number | null
  /** FN_00n of a failure. */
  readonly code: string | null
  readonly detail: string | null
  /** Which limit or fault ended it, and what is known of that; null for an answer. */
  readonly ending: Ending | null
  /** The start of its worker, where this is that worker's first invocation. */
  readonly coldStart: ColdStart | null
  readonly queueMs: number
  readonly executionMs: number
  /** Log lines of this invocation that were cut. */
  readonly logLinesCut: number
}

/**
 * Where log lines and invocation records go: a bounded buffer that a fibre flushes in batches, so that no call waits for
 * a disk (the two speeds). When the buffer is full the oldest lines make room and are counted; records are never dropped.
 */
export class LogPipeline extends Context.Tag("LogPipeline")<
  LogPipeline,
  {
    readonly log: (entry: LogEntry) => void
    readonly record: (record: InvocationRecord) => void
    /** Resolves when what was given until now is printed and written, as far as the disk takes it. */
    readonly flushed: Effect.Effect<void>
  }
>() {}
