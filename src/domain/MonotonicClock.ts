import { Context, Layer } from "effect"

/**
 * Time that never jumps, for deadlines and idle times: the wall clock may be set while the server runs. Plain functions,
 * because the data plane reads it several times per call. Tests give their own clock and move it by hand.
 */
export class MonotonicClock extends Context.Tag("MonotonicClock")<
  MonotonicClock,
  {
    /** Milliseconds since an arbitrary start, with fractions. */
    readonly now: () => number
    /** Calls `task` once, `delayMs` from now or a little later; the answer revokes it. */
    readonly after: (delayMs: number, task: () => void) => () => void
  }
>() {}

// The engine takes longer delays for 1 ms; nothing here waits so long, but a wrong unit must not become a busy loop.
const LONGEST_DELAY_MS = 2_147_483_647

export const layer: Layer.Layer<MonotonicClock> = Layer.succeed(MonotonicClock, {
  now: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS))
    // A deadline or an idle time that is still watched must not keep a server alive that has closed everything else.
    timer.unref()
    return () => clearTimeout(timer)
  }
})
