import type { ColdStart } from "../domain/ColdStart.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import type { Worker } from "../worker/WorkerSpawner.ts"
import type { StopCause } from "./PoolState.ts"

/** A worker, with the count of its invocations that nobody waits for any more. */
export interface Occupied {
  unwanted: number
}

/** What a use has its pool do. */
export interface UseOwner {
  readonly clock: MonotonicClock["Type"]
  /** Between cancelling an invocation and killing its worker, in milliseconds. */
  readonly graceMs: number
  /** The worker gets nothing new. */
  readonly condemn: (worker: WorkerId, why: StopCause) => void
  /** Kills the worker if nobody waits for anything that it has. */
  readonly endIfUnwanted: (worker: WorkerId) => void
}

/** One invocation on one worker of the pool, until the worker has answered or is lost. */
export class Use {
  readonly workerId: WorkerId
  /** The start of the worker, where this is its first invocation. */
  readonly coldStart: ColdStart | null
  /** Its id on the worker's wire. */
  wireId = ""
  readonly #worker: Worker
  readonly #occupied: Occupied
  readonly #owner: UseOwner
  #cancelled = false
  #late = false
  #counted = false
  #over = false
  #disarm: (() => void) | null = null
  #disarmLate: (() => void) | null = null

  constructor(
    workerId: WorkerId,
    coldStart: ColdStart | null,
    worker: Worker,
    occupied: Occupied,
    owner: UseOwner
  ) {
    this.workerId = workerId
    this.coldStart = coldStart
    this.#worker = worker
    this.#occupied = occupied
    this.#owner = owner
  }

  /** Somebody waits for the answer still. */
  get isWanted(): boolean {
    return !this.#cancelled && !this.#late
  }

  /**
   * The caller went away: asks the worker to give up. The use goes on until it answers. When it has not after the
   * grace, the worker is killed as soon as nobody waits for anything that it has; until then, or until the deadline, its
   * other invocations go on, and it gets new ones only if its event loop still lives.
   */
  cancel(): void {
    if (this.#over || this.#cancelled) return
    this.#cancelled = true
    const { clock, condemn, endIfUnwanted, graceMs } = this.#owner
    const { multiplexes, session } = this.#worker
    let alive = false
    if (multiplexes) session.ping(() => (alive = true))
    session.cancel(this.wireId, "client_gone")
    this.#disarm = clock.after(graceMs, () => {
      this.#disarm = null
      this.#count()
      if (!alive) condemn(this.workerId, "cancelled")
      endIfUnwanted(this.workerId)
    })
  }

  /**
   * The invocation missed its deadline: it is cancelled, the worker gets nothing new, and after the grace it is
   * killed, unless its event loop still lives and it has others to finish.
   */
  expire(): void {
    if (this.#over || this.#late) return
    this.#late = true
    this.#count()
    const { clock, condemn, endIfUnwanted, graceMs } = this.#owner
    const { session } = this.#worker
    let alive = false
    session.cancel(this.wireId, "deadline")
    session.ping(() => (alive = true))
    condemn(this.workerId, "late")
    // Beside the grace of a cancel that came before: the deadline gives nobody more time.
    this.#disarmLate = clock.after(graceMs, () => {
      this.#disarmLate = null
      if (alive) endIfUnwanted(this.workerId)
      else this.#worker.kill()
    })
  }

  /** The worker has answered, or is lost. */
  over(): void {
    this.#over = true
    this.#disarm?.()
    this.#disarmLate?.()
    this.#disarm = null
    this.#disarmLate = null
    if (this.#counted) this.#occupied.unwanted -= 1
  }

  #count(): void {
    if (this.#counted) return
    this.#counted = true
    this.#occupied.unwanted += 1
  }
}
