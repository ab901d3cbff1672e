/** What a pool remembers of starts that failed and workers that crashed, as part of its state. */
export interface Backoff {
  /** Starts that failed since one last succeeded. */
  readonly failedStarts: number
  /** Ready workers that crashed since an invocation last went well. */
  readonly crashes: number
  /** Until this instant nothing is started. */
  readonly backoffUntil: number
  /** Since when the pool is quarantined; null while it is not. */
  readonly quarantinedSince: number | null
}

export const NO_BACKOFF: Backoff = {
  failedStarts: 0,
  crashes: 0,
  backoffUntil: Number.NEGATIVE_INFINITY,
  quarantinedSince: null
}

const START_BACKOFF_FIRST_MS = 100
const FREE_CRASHES = 3
const CRASH_BACKOFF_FIRST_MS = 50
const CRASH_BACKOFF_MOST_MS = 250

/** So many failed starts in a row put a pool into quarantine. */
export const QUARANTINE_FAILED_STARTS = 8
/** So many crashes without one invocation that went well in between put a pool into quarantine. */
export const QUARANTINE_CRASHES = 20
const QUARANTINE_FIRST_MS = 10_000
const QUARANTINE_MOST_MS = 300_000

/** First, doubled for each failure after it, up to the most. */
const doubling = (first: number, most: number, times: number): number => Math.min(first * 2 ** times, most)

const quarantineMs = (strikes: number, from: number): number =>
  strikes < from ? 0 : doubling(QUARANTINE_FIRST_MS, QUARANTINE_MOST_MS, strikes - from)

/**
 * What the next start has to wait. After a start that failed: 100 ms, doubling, for it will likely fail again. After
 * crashes of workers that had started well: nothing for the first three in a row, then 50 ms, doubling up to 250 ms:
 * requests that kill their worker must not make a spawn storm, nor keep out the requests that would not. Where either
 * goes on the pool is quarantined: one worker is tried after 10 s, then after twice that, up to 5 minutes.
 */
export const backoffMs = (failedStarts: number, crashes: number): number => {
  const start =
    failedStarts === 0 ? 0 : doubling(START_BACKOFF_FIRST_MS, QUARANTINE_FIRST_MS, failedStarts - 1)
  const crash =
    crashes <= FREE_CRASHES
      ? 0
      : doubling(CRASH_BACKOFF_FIRST_MS, CRASH_BACKOFF_MOST_MS, crashes - FREE_CRASHES - 1)
  return Math.max(
    start,
    crash,
    quarantineMs(failedStarts, QUARANTINE_FAILED_STARTS),
    quarantineMs(crashes, QUARANTINE_CRASHES)
  )
}

/** What a pool is quarantined for, or null. */
export const quarantineCause = ({ crashes, failedStarts }: Backoff): "starts_fail" | "crashes" | null =>
  failedStarts >= QUARANTINE_FAILED_STARTS ? "starts_fail" : crashes >= QUARANTINE_CRASHES ? "crashes" : null

/** Whether it is unclear that a worker will do well: then one is tried before there are more. */
export const isOnTrial = ({ crashes, failedStarts }: Backoff): boolean =>
  failedStarts > 0 || crashes > FREE_CRASHES

const marked = <S extends Backoff>(state: S, now: number): S => {
  const quarantined = quarantineCause(state) !== null
  if (quarantined === (state.quarantinedSince !== null)) return state
  return { ...state, quarantinedSince: quarantined ? now : null }
}

const backedOff = <S extends Backoff>(state: S, now: number): S => {
  const wait = backoffMs(state.failedStarts, state.crashes)
  return wait === 0 ? state : marked({ ...state, backoffUntil: now + wait }, now)
}

export const startFailed = <S extends Backoff>(state: S, now: number): S =>
  backedOff({ ...state, failedStarts: state.failedStarts + 1 }, now)

export const crashed = <S extends Backoff>(state: S, now: number): S =>
  backedOff({ ...state, crashes: state.crashes + 1 }, now)

/** What was waited for because starts failed need not be waited for any longer. */
export const startSucceeded = <S extends Backoff>(state: S, now: number): S =>
  state.failedStarts === 0
    ? state
    : marked(
        {
          ...state,
          failedStarts: 0,
          backoffUntil: Math.min(state.backoffUntil, now + backoffMs(0, state.crashes))
        },
        now
      )

/** Ends what was waited for because of crashes; where starts fail, that is still waited for. */
export const invocationWentWell = <S extends Backoff>(state: S, now: number): S =>
  state.crashes === 0
    ? state
    : marked(
        {
          ...state,
          crashes: 0,
          backoffUntil: state.failedStarts === 0 ? Number.NEGATIVE_INFINITY : state.backoffUntil
        },
        now
      )
