/**
 * Why a worker was started: what a cold start's record says. `first`: the version had none; `scale_up`: those it had were
 * busy; `warm`: to be kept ready; `after_crash`, `after_timeout`: one had crashed, or been killed because it did not give up
 * an invocation; `recycle`: one had come to the end of its life; `deploy`: of a version that was being deployed.
 */
export const START_CAUSES = [
  "first",
  "scale_up",
  "warm",
  "after_crash",
  "after_timeout",
  "recycle",
  "deploy"
] as const
export type StartCause = (typeof START_CAUSES)[number]

/** Where a worker's start spent its time, in milliseconds. */
export interface StartTimes {
  /** It was a spare process, started before anybody wanted it. */
  readonly spare: boolean
  /** Until the process ran: forking, or booting a runtime; nothing where a spare was taken. */
  readonly spawnMs: number
  /** From then until it had loaded its bundle, and said so. */
  readonly loadMs: number
}

/** The start of the worker whose first invocation this is. */
export interface ColdStart extends StartTimes {
  readonly cause: StartCause
  /** Until the machine's budget allowed it (`max_workers_total`, `max_concurrent_starts`), in milliseconds. */
  readonly waitMs: number
}
