/** What a pool remembers of starts that failed and workers that crashed, as part of its state. */
export interface Backoff {
  /** Starts that failed since one last succeeded. */
  readonly failedStarts: number
  /** Ready workers that crashed since an invocation last went well. */
  readonly crashes: number
  /** Until this instant nothing is started. */
  readonly backoffUntil: number
}

export const NO_BACKOFF: Backoff = { failedStarts: 0, crashes: 0, backoffUntil: Number.NEGATIVE_INFINITY }

const START_BACKOFF_FIRST_MS = 100
const START_BACKOFF_MOST_MS = 30_000
const FREE_CRASHES = 3
const CRASH_BACKOFF_FIRST_MS = 50
const CRASH_BACKOFF_MOST_MS = 250

/**
 * What the next start has to wait. After a start that failed: 100 ms, doubling up to 30 s, for it will likely fail again.
 * After crashes of workers that had started well: nothing for the first three in a row, then 50 ms, doubling up to 250 ms:
 * requests that kill their worker must not make a spawn storm, nor keep out the requests that would not.
 */
export const backoffMs = (failedStarts: number, crashes: number): number => {
  const start =
    failedStarts === 0 ? 0 : Math.min(START_BACKOFF_FIRST_MS * 2 ** (failedStarts - 1), START_BACKOFF_MOST_MS)
  const crash =
    crashes <= FREE_CRASHES
      ? 0
      : Math.min(CRASH_BACKOFF_FIRST_MS * 2 ** (crashes - FREE_CRASHES - 1), CRASH_BACKOFF_MOST_MS)
  return Math.max(start, crash)
}

const backedOff = <S extends Backoff>(state: S, now: number): S => {
  const wait = backoffMs(state.failedStarts, state.crashes)
  return wait === 0 ? state : { ...state, backoffUntil: now + wait }
}

export const startFailed = <S extends Backoff>(state: S, now: number): S =>
  backedOff({ ...state, failedStarts: state.failedStarts + 1 }, now)

export const crashed = <S extends Backoff>(state: S, now: number): S =>
  backedOff({ ...state, crashes: state.crashes + 1 }, now)

/** What was waited for because starts failed need not be waited for any longer. */
export const startSucceeded = <S extends Backoff>(state: S, now: number): S =>
  state.failedStarts === 0
    ? state
    : {
        ...state,
        failedStarts: 0,
        backoffUntil: Math.min(state.backoffUntil, now + backoffMs(0, state.crashes))
      }

/** Ends what was waited for because of crashes; where starts fail, that is still waited for. */
export const invocationWentWell = <S extends Backoff>(state: S): S =>
  state.crashes === 0
    ? state
    : {
        ...state,
        crashes: 0,
        backoffUntil: state.failedStarts === 0 ? Number.NEGATIVE_INFINITY : state.backoffUntil
      }
