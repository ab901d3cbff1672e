import { FifoQueue, type Place } from "../domain/FifoQueue.ts"

/** A place among the live workers and, until `started`, among those that are starting. */
export interface StartPermit {
  /** The worker is ready, or has failed to become so: another may start. */
  readonly started: () => void
  /** The worker is gone. */
  readonly released: () => void
}

interface Waiting {
  readonly grant: (permit: StartPermit) => void
}

/** Who gives workers up for others. Each says whether somebody had one. */
export interface Reclaim {
  /** Ends a worker that is idle. */
  readonly idle: () => boolean
  /** Ends a worker, after what it has in hand, of a pool that has more than `share`; where that is nothing, one that has had its turn. */
  readonly busy: (share: number) => boolean
}

/**
 * The machine's budget of workers, shared by all pools: so many live, so many starting at once. Whoever has the fewest
 * places comes next, so that a pool that wants many cannot keep out one that wants its first. Where all places are taken,
 * idle workers go first; and where there are none, pools that have more than an equal share give up what they have beyond
 * it, so that a function that always has work cannot keep the others out.
 */
export class StartBudget {
  readonly #maxLive: number
  readonly #maxStarting: number
  readonly #reclaim: Reclaim
  /** Places by pool. */
  readonly #places = new Map<object, number>()
  /** When each pool was last served: a number that grows. */
  readonly #turns = new WeakMap<object, number>()
  #turn = 0
  /** One queue per pool. */
  readonly #queues = new Map<object, FifoQueue<Waiting>>()
  /** Pools with somebody who waits for the places that they wait for. */
  readonly #urgent = new Set<object>()
  #live = 0
  #starting = 0
  /** Workers that were told to end for others and have not done so yet. */
  #reclaimed = 0

  /** `reclaim` is called when a worker is wanted urgently and none may be added. */
  constructor(maxLive: number, maxStarting: number, reclaim: Reclaim) {
    this.#maxLive = maxLive
    this.#maxStarting = maxStarting
    this.#reclaim = reclaim
  }

  get live(): number {
    return this.#live
  }

  get waiting(): number {
    let total = 0
    for (const queue of this.#queues.values()) total += queue.length
    return total
  }

  /**
   * Calls `grant` as soon as a worker may start, perhaps at once; the answer withdraws the request. Only an urgent request
   * (somebody waits) takes an idle worker from another pool: else pools that keep workers warm would go on evicting
   * each other.
   */
  request(pool: object, urgent: boolean, grant: (permit: StartPermit) => void): () => void {
    let queue = this.#queues.get(pool)
    if (queue === undefined) {
      queue = new FifoQueue()
      this.#queues.set(pool, queue)
    }
    const place: Place<Waiting> = queue.push({ grant })
    if (urgent) this.#urgent.add(pool)
    this.#serve()
    this.relieve()
    return () => {
      if (place.queue === null) return
      place.queue.leave(place)
      if (queue.length === 0) this.#forget(pool)
    }
  }

  /** Somebody waits for the places that this pool has asked for. */
  urge(pool: object): void {
    if (this.#urgent.has(pool) || !this.#queues.has(pool)) return
    this.#urgent.add(pool)
    this.relieve()
  }

  /**
   * Makes room for urgent requests where none may be added. To be called when a worker has become idle too: there may have
   * been none to spare before.
   */
  relieve(): void {
    if (this.#urgent.size === 0) return
    let needed = 0
    for (const pool of this.#urgent) needed += this.#queues.get(pool)?.length ?? 0
    while (this.#live >= this.#maxLive && this.#reclaimed < needed) {
      // Counted before: whoever gives a worker up may ask for another one from within.
      this.#reclaimed += 1
      if (this.#reclaim.idle() || this.#takeFromTheRich()) continue
      this.#reclaimed -= 1
      return
    }
  }

  #takeFromTheRich(): boolean {
    // Every pool that has places, or wants one urgently, has an equal share; where that is less than one they take turns.
    const share = Math.floor(this.#maxLive / new Set([...this.#places.keys(), ...this.#urgent]).size)
    let missing = 0
    for (const pool of this.#urgent) {
      const room = Math.max(1, share) - (this.#places.get(pool) ?? 0)
      missing += Math.max(0, Math.min(room, this.#queues.get(pool)?.length ?? 0))
    }
    return this.#reclaimed <= missing && this.#reclaim.busy(share)
  }

  #forget(pool: object): void {
    this.#queues.delete(pool)
    this.#urgent.delete(pool)
  }

  #serve(): void {
    while (this.#live < this.#maxLive && this.#starting < this.#maxStarting) {
      const pool = this.#next()
      const queue = pool === null ? undefined : this.#queues.get(pool)
      if (pool === null || queue === undefined) return
      const waiting = queue.shift()
      this.#turns.set(pool, (this.#turn += 1))
      if (queue.length === 0) this.#forget(pool)
      if (waiting === null) continue
      this.#live += 1
      this.#starting += 1
      this.#places.set(pool, (this.#places.get(pool) ?? 0) + 1)
      waiting.grant(this.#permit(pool))
    }
  }

  /**
   * The pool with the fewest places, of those that somebody waits for while there are any; of equals the one that was last
   * served longest ago. (One that wants to be warm would take the place that it has just given up for others.)
   */
  #next(): object | null {
    let next: object | null = null
    let fewest = Number.POSITIVE_INFINITY
    let earliest = Number.POSITIVE_INFINITY
    for (const pool of this.#urgent.size > 0 ? this.#urgent : this.#queues.keys()) {
      const places = this.#places.get(pool) ?? 0
      const turn = this.#turns.get(pool) ?? 0
      if (places < fewest || (places === fewest && turn < earliest))
        [next, fewest, earliest] = [pool, places, turn]
    }
    return next
  }

  #permit(pool: object): StartPermit {
    let starting = true
    let live = true
    const started = (): void => {
      if (!starting) return
      starting = false
      this.#starting -= 1
      this.#serve()
    }
    return {
      started,
      released: () => {
        if (!live) return
        live = false
        this.#live -= 1
        const places = (this.#places.get(pool) ?? 1) - 1
        if (places > 0) this.#places.set(pool, places)
        else this.#places.delete(pool)
        this.#reclaimed = Math.max(0, this.#reclaimed - 1)
        started()
        this.#serve()
      }
    }
  }
}
