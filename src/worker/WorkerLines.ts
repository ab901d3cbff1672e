import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import { LineBound } from "../logs/LineBound.ts"
import type { LogPayload } from "../protocol/worker/Wire.ts"

/** Bounds of what one invocation may log: past either, lines are counted instead of kept. */
export const LOG_LINES_PER_INVOCATION = 1_000
export const LOG_BYTES_PER_INVOCATION = 256 * 1024
/** Bounds of what one worker may log outside of any invocation, within a window. */
export const LOG_LINES_OUTSIDE = 1_000
export const LOG_BYTES_OUTSIDE = 256 * 1024
export const LOG_WINDOW_MS = 10_000
/** A worker's last answered invocations, so many at least and twice as many at most, still own the lines they log. */
export const ANSWERED_KEPT = 128

/** What one invocation has logged so far. */
export interface LineAccount {
  readonly invocationId: string
  lines: number
  bytes: number
  /** Lines that were not passed on. */
  cut: number
}

/** `invocationId` is null for what belongs to no invocation. */
type Say = (payload: LogPayload, invocationId: string | null) => void

/**
 * What one worker's log lines belong to, and how many of them are passed on. A line of an invocation counts against
 * that invocation's bounds, also when it comes after the answer; one of no invocation, or of one that was answered too long
 * ago, counts against the worker's. What is cut is counted, and the count is said: at the answer, or when the window ends.
 */
export class WorkerLines {
  readonly #say: Say
  /** Lines of no invocation. */
  readonly #outside: LineBound<null>
  /** Lines that came after the answer and over the bound: none is passed on, all are counted. */
  readonly #late: LineBound<string>
  // Two generations in place of one list: forgetting the oldest costs the data plane nothing.
  #answered = new Map<string, LineAccount>()
  #answeredBefore = new Map<string, LineAccount>()

  constructor(clock: MonotonicClock["Type"], say: Say) {
    this.#say = say
    const within = `within ${LOG_WINDOW_MS / 1000} s`
    this.#outside = new LineBound(
      clock,
      { lines: LOG_LINES_OUTSIDE, bytes: LOG_BYTES_OUTSIDE, windowMs: LOG_WINDOW_MS },
      (leftOut) => say(cutNotice(leftOut, `outside of any invocation were cut ${within}`), null)
    )
    this.#late = new LineBound(clock, { lines: 0, windowMs: LOG_WINDOW_MS }, (leftOut, invocationId) =>
      say(cutNotice(leftOut, `of this invocation were cut after its answer ${within}`), invocationId)
    )
  }

  /** A line under the wire id of an invocation that is in flight. */
  current(account: LineAccount, payload: LogPayload, lineBytes: number): void {
    if (fits(account, bytesOf(payload, lineBytes))) this.#say(payload, account.invocationId)
    else account.cut += 1
  }

  /** A line under a wire id with which nothing is in flight. */
  other(wireId: string, payload: LogPayload, lineBytes: number): void {
    const bytes = bytesOf(payload, lineBytes)
    const account = this.#answered.get(wireId) ?? this.#answeredBefore.get(wireId)
    if (account === undefined) {
      if (this.#outside.admits("", null, bytes)) this.#say(payload, null)
    } else if (fits(account, bytes)) this.#say(payload, account.invocationId)
    else this.#late.admits(account.invocationId, account.invocationId)
  }

  /** The invocation was answered: says how many of its lines were cut until now. */
  answered(wireId: string, account: LineAccount): void {
    const { cut, invocationId } = account
    if (cut > 0) this.#say(cutNotice(cut, "of this invocation were cut"), invocationId)
    this.#answered.set(wireId, account)
    if (this.#answered.size < ANSWERED_KEPT) return
    this.#answeredBefore = this.#answered
    this.#answered = new Map()
  }

  /** The worker has ended: says what was cut and not said yet. */
  close(): void {
    this.#outside.close()
    this.#late.close()
  }
}

const fits = (account: LineAccount, bytes: number): boolean => {
  account.bytes += bytes
  if (account.lines >= LOG_LINES_PER_INVOCATION || account.bytes > LOG_BYTES_PER_INVOCATION) return false
  account.lines += 1
  return true
}

const bytesOf = ({ message, metadata }: LogPayload, lineBytes: number): number =>
  metadata === undefined ? message.length : lineBytes

const cutNotice = (cut: number, which: string): LogPayload => ({
  level: "warn",
  message: `${cut} further log lines ${which}`
})
