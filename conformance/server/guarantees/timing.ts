import { CaseFailure } from "../../model/Case.ts"
import type { Bench } from "../Bench.ts"

/** What a machine that has nothing else to do may still add to an instant, in milliseconds. */
const ALWAYS_MS = 150
/** One answer of several may be so late on a machine that does other things, in milliseconds. */
const WORST_MS = 2_000
/** More than this is not put down to the machine, however late it is. */
const MOST_MS = 1_500
const TICK_MS = 5

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Measures how late this machine is at waking those that wait: the worst lateness of a timer of the suite's own, while
 * `work` goes on. What the server does has no part in it.
 */
export const withLateness = async <A>(
  work: () => Promise<A>
): Promise<{ readonly value: A; readonly lateMs: number }> => {
  let lateMs = 0
  let last = performance.now()
  const tick = () => {
    const now = performance.now()
    lateMs = Math.max(lateMs, now - last - TICK_MS)
    last = now
  }
  const timer = setInterval(tick, TICK_MS)
  try {
    const value = await work()
    tick()
    return { value, lateMs }
  } finally {
    clearInterval(timer)
  }
}

/** What is allowed beyond a promised bound: a fixed part, and twice what the machine is late, up to a bound. */
export const allowanceMs = (bench: Bench, lateMs: number): number =>
  ALWAYS_MS * bench.target.options.timeoutFactor + Math.min(2 * lateMs, MOST_MS)

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

export interface Instant {
  /** `FN_002` */
  readonly what: string
  /** After how many milliseconds it is promised at the earliest. */
  readonly afterMs: number
  /** How much later it may be. */
  readonly withinMs: number
  /** Violated by what is too early, and by what is too late. */
  readonly early?: string
  readonly late?: string
}

/**
 * Judges several measurements of one promise: none too early, the middle one within the bound and the machine's allowance, and
 * none far beyond it. The figures are in the report.
 */
export const judge = (
  bench: Bench,
  { afterMs, early, late, what, withinMs }: Instant,
  took: ReadonlyArray<number>,
  lateMs: number
): void => {
  const allowed = allowanceMs(bench, lateMs)
  const first = Math.min(...took)
  const worst = Math.max(...took)
  const middle = median(took)
  const one = (value: number) => value.toFixed(1)
  bench.context.observe(
    `${what}: ${one(first)} to ${one(worst)} ms, in the middle ${one(middle)} ms, of ${took.length}; promised ${afterMs} ` +
      `to ${afterMs + withinMs} ms, and ${one(allowed)} ms allowed for this machine`
  )
  // the clocks of both sides are read in whole milliseconds somewhere
  if (first < afterMs - 1) {
    throw new CaseFailure(`${what} came too early`, {
      expected: `${afterMs} ms`,
      observed: `${one(first)} ms`,
      ...(early === undefined ? {} : { requirements: [early] })
    })
  }
  const bound = afterMs + withinMs + allowed
  if (middle > bound || worst > bound + WORST_MS * bench.target.options.timeoutFactor) {
    throw new CaseFailure(`${what} came too late`, {
      expected: `${afterMs + withinMs} ms, and ${one(allowed)} ms for this machine`,
      observed: took.map(one).join(", "),
      ...(late === undefined ? {} : { requirements: [late] })
    })
  }
}

/** How long it takes, in milliseconds. */
export const timed = async <A>(
  work: () => Promise<A>
): Promise<{ readonly value: A; readonly ms: number }> => {
  const began = performance.now()
  const value = await work()
  return { value, ms: performance.now() - began }
}
