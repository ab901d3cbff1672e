import type { MonotonicClock } from "../domain/MonotonicClock.ts"

/** A deadline under watch. It is a link of its bucket's list, so that taking it back costs nothing. */
export interface Deadline {
  readonly at: number
  readonly expire: () => void
  previous: Deadline | null
  next: Deadline | null
  bucket: Bucket | null
}

interface Bucket {
  readonly slot: number
  first: Deadline | null
}

/**
 * One clock for all deadlines. A timer per invocation would cost more than the rest of its bookkeeping; here a deadline is
 * put into a bucket of `resolutionMs` and almost always taken out again, and a single timer looks at the next bucket.
 *
 * A deadline expires at or after its instant and at most `resolutionMs` plus one turn of the event loop later: far inside
 * the 100 ms that R-3 grants. With nothing to watch there is no timer (S-12).
 */
export class DeadlineClock {
  readonly #clock: MonotonicClock["Type"]
  readonly #resolutionMs: number
  readonly #buckets = new Map<number, Bucket>()
  #size = 0
  #armedSlot = Number.POSITIVE_INFINITY
  #disarm: (() => void) | null = null

  constructor(clock: MonotonicClock["Type"], resolutionMs = 10) {
    this.#clock = clock
    this.#resolutionMs = resolutionMs
  }

  /** Deadlines under watch. */
  get size(): number {
    return this.#size
  }

  /** Watches for the instant `at` (monotonic ms). `expire` is called at most once, never before `at`. */
  watch(at: number, expire: () => void): Deadline {
    const slot = Math.ceil(at / this.#resolutionMs)
    let bucket = this.#buckets.get(slot)
    if (bucket === undefined) {
      bucket = { slot, first: null }
      this.#buckets.set(slot, bucket)
    }
    const deadline: Deadline = { at, expire, previous: null, next: bucket.first, bucket }
    if (bucket.first !== null) bucket.first.previous = deadline
    bucket.first = deadline
    this.#size += 1
    if (slot < this.#armedSlot) this.#arm(slot)
    return deadline
  }

  /** Stops watching. Harmless on a deadline that expired or was forgotten before. */
  forget(deadline: Deadline): void {
    const { bucket } = deadline
    if (bucket === null) return
    if (deadline.previous === null) bucket.first = deadline.next
    else deadline.previous.next = deadline.next
    if (deadline.next !== null) deadline.next.previous = deadline.previous
    deadline.bucket = null
    this.#size -= 1
    if (bucket.first === null) this.#buckets.delete(bucket.slot)
  }

  #arm(slot: number): void {
    this.#disarm?.()
    this.#armedSlot = slot
    this.#disarm = this.#clock.after(slot * this.#resolutionMs - this.#clock.now(), () => this.#tick())
  }

  #tick(): void {
    this.#disarm = null
    // While expiries run nothing arms: the earliest slot is chosen once, afterwards, over everything that is left.
    this.#armedSlot = Number.NEGATIVE_INFINITY
    const now = this.#clock.now()
    const due: Array<Deadline> = []
    for (const [slot, bucket] of this.#buckets) {
      if (slot * this.#resolutionMs > now) continue
      for (let one = bucket.first; one !== null; one = one.next) due.push(one)
    }
    // In the order of their instants, so that of two that came due together the earlier goes first.
    due.sort((a, b) => a.at - b.at)
    try {
      // An expiry may forget another one that is due; only those still under watch are called.
      for (const one of due) {
        if (one.bucket === null) continue
        this.forget(one)
        one.expire()
      }
    } finally {
      // Also after an expiry that threw: whoever is left is looked at again.
      this.#armedSlot = Number.POSITIVE_INFINITY
      let earliest = Number.POSITIVE_INFINITY
      for (const slot of this.#buckets.keys()) if (slot < earliest) earliest = slot
      if (earliest !== Number.POSITIVE_INFINITY) this.#arm(earliest)
    }
  }
}
