import { Effect, type Scope } from "effect"
import type { InvocationError } from "../domain/Errors.ts"
import { MonotonicClock } from "../domain/MonotonicClock.ts"
import { LineBound } from "../logs/LineBound.ts"
import { type InvocationRecord, type LogEntry, LogPipeline } from "../logs/LogPipeline.ts"

/** Lines per function and code in a window; a flood of failures says the same over and over. */
export const FAILURE_LINES = 5
/** Lines of all functions together in a window. */
export const FAILURE_LINES_IN_ALL = 100
export const FAILURE_WINDOW_MS = 10_000

const WITHIN = `within ${FAILURE_WINDOW_MS / 1000} s`

/** What a handler said itself is in the log already, with its stack. */
const TOLD: ReadonlySet<InvocationError["_tag"]> = new Set(["HandlerFailed", "PermissionDenied"])
/** The function is not at fault, and the caller may come back. */
const PASSING: ReadonlySet<InvocationError["_tag"]> = new Set([
  "LimitExceeded",
  "ColdStartTimeout",
  "ServiceStopping"
])

/** Says on the log which invocations failed other than by their handler's own error: time-outs, crashes, refusals. */
export class FailureLog {
  readonly #log: LogPipeline["Type"]["log"]
  readonly #each: LineBound<InvocationRecord>
  readonly #all: LineBound<null>

  constructor(clock: MonotonicClock["Type"], log: LogPipeline["Type"]["log"]) {
    this.#log = log
    this.#each = new LineBound(
      clock,
      { lines: FAILURE_LINES, windowMs: FAILURE_WINDOW_MS },
      (leftOut, last) => {
        const { code, functionId, functionName, version } = last
        const message = `${code}: ${leftOut} more calls failed with this code ${WITHIN}; data/logs has a record of each`
        this.#say({ level: "warn", functionId, functionName, version, message })
      }
    )
    this.#all = new LineBound(
      clock,
      { lines: FAILURE_LINES_IN_ALL, windowMs: FAILURE_WINDOW_MS },
      (leftOut) => {
        const message = `${leftOut} more calls of several functions failed ${WITHIN}; data/logs has a record of each`
        this.#say({ level: "warn", message })
      }
    )
  }

  /** One line for a failed invocation, unless its worker has said why, or there were too many: those are counted. */
  tell(record: InvocationRecord, error: InvocationError): void {
    if (TOLD.has(error._tag)) return
    const { code, functionId, functionName, invocationId, version, workerId } = record
    if (!this.#each.admits(`${functionId} ${code}`, record) || !this.#all.admits("", null)) return
    this.#say({
      level: PASSING.has(error._tag) ? "warn" : "error",
      functionId,
      functionName,
      version,
      invocationId,
      ...(workerId === null ? {} : { workerId }),
      message: `${code}: ${error.message}`
    })
  }

  /** Says now how many were left out. */
  close(): void {
    this.#each.close()
    this.#all.close()
  }

  #say(entry: Omit<LogEntry, "at">): void {
    this.#log({ at: Date.now(), ...entry })
  }
}

/** Closed with its scope: what was left out until then is told. */
export const openFailureLog: Effect.Effect<FailureLog, never, MonotonicClock | LogPipeline | Scope.Scope> =
  Effect.gen(function* () {
    const failures = new FailureLog(yield* MonotonicClock, (yield* LogPipeline).log)
    yield* Effect.addFinalizer(() => Effect.sync(() => failures.close()))
    return failures
  })
