import { Effect } from "effect"

export type Signal = "SIGTERM" | "SIGINT"

/** SIGINTs closer together than this, in milliseconds, are one: a Ctrl-C arrives twice under npm, which passes it on. */
export const ONE_CTRL_C_MS = 500

/** What hears signals and ends the process; the process itself, outside of tests. */
export interface Signalled {
  readonly on: (signal: Signal, handle: (signal: Signal) => void) => unknown
  /** Milliseconds of a clock that nobody sets. */
  readonly now: () => number
  /** Clears away what can be cleared in an instant. */
  readonly leave: () => void
  readonly exit: (code: number) => void
}

/**
 * The first SIGTERM or SIGINT. A second one ends the process at once, with 128 and the signal's number: its workers
 * end with it, by the kernel's hand, after `leave` has cleared away what it can.
 */
export const stopSignal = ({ exit, leave, now, on }: Signalled): Effect.Effect<Signal> =>
  Effect.async((resume) => {
    let firstAt: number | null = null
    const handle = (signal: Signal): void => {
      if (firstAt === null) {
        firstAt = now()
        resume(Effect.succeed(signal))
      } else if (signal !== "SIGINT" || now() - firstAt >= ONE_CTRL_C_MS) {
        leave()
        exit(signal === "SIGINT" ? 130 : 143)
      }
    }
    for (const signal of ["SIGTERM", "SIGINT"] as const) on(signal, handle)
  })
