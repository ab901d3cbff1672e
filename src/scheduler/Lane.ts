import type { FunctionId } from "../domain/Ids.ts"
import type { Invocation, Outcome, Target } from "../domain/Invocation.ts"
import type { FifoQueue, Place } from "../domain/FifoQueue.ts"
import type { Use } from "../pool/Use.ts"
import type { WorkerPool } from "../pool/WorkerPool.ts"
import type { Deadline } from "./DeadlineClock.ts"

/**
 * The phases of an admitted invocation. `late` and `cancelled` have had their outcome; their worker has not answered yet
 * and still holds a place.
 */
type Phase = "waiting" | "running" | "late" | "cancelled" | "done"

/** One admitted invocation. */
export interface Entry {
  readonly target: Target
  readonly pool: WorkerPool
  readonly lane: Lane
  readonly invocation: Invocation
  readonly settle: (outcome: Outcome) => void
  readonly admittedAt: number
  readonly deadlineAt: number
  phase: Phase
  place: Place<Entry> | null
  deadline: Deadline | null
  use: Use | null
  /** -1 until a worker has it. */
  startedAt: number
}

/** What is under way for one function, whichever of its versions serves it. */
export interface Lane {
  readonly functionId: FunctionId
  running: number
  waiting: number
  /** One queue per pool: during a deploy two versions have waiters. */
  readonly queues: Map<WorkerPool, FifoQueue<Entry>>
  /** A moving average of execution times, for an honest Retry-After. */
  typicalMs: number
}
