import { ExecutionTimeout } from "../domain/Errors.ts"
import { problemOf } from "../protocol/Problem.ts"
import { FunctionsError } from "./ClientErrors.ts"
import type { CallOptions } from "./FunctionsClient.ts"

/** The longest delay that a timer takes, about 24 days. */
const LONGEST_DELAY_MS = 2_147_483_647

/** The failure of a call that was not answered in the caller's own time. */
export const timedOut = (timeoutMs: number): FunctionsError =>
  new FunctionsError({
    ...problemOf(new ExecutionTimeout({ timeoutMs, phase: "run" })),
    detail: `no answer came within the ${timeoutMs} ms that the caller gave it`
  })

/**
 * Calls `giveUp` once, with the signal's reason or with `timedOut`, whichever is first. The answer takes it back; it is to
 * be called when the call is over.
 */
export const watchOptions = (
  { signal, timeoutMs }: CallOptions,
  giveUp: (reason: unknown) => void
): (() => void) => {
  const abort = () => {
    dispose()
    giveUp((signal as AbortSignal).reason)
  }
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => {
            dispose()
            giveUp(timedOut(timeoutMs))
          },
          Math.min(Math.max(timeoutMs, 0), LONGEST_DELAY_MS)
        )
  const dispose = () => {
    clearTimeout(timer)
    signal?.removeEventListener("abort", abort)
  }
  signal?.addEventListener("abort", abort, { once: true })
  return dispose
}
