import { FifoQueue, type Place } from "./FifoQueue.ts"

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

/**
 * The machine's budget of workers, shared by all pools: so many live, so many starting at once. Pools wait in order, one
 * place per worker, so that a pool that wants many cannot keep out one that wants its first.
 */
export class StartBudget {
  readonly #maxLive: number
  readonly #maxStarting: number
  readonly #reclaim: () => void
  /** One queue per pool, served in turn. */
  readonly #queues = new Map<object, FifoQueue<Waiting>>()
  #live = 0
  #starting = 0

  /** `reclaim` is called when a worker is wanted and none may be added: whoever has one to spare should end it. */
  constructor(maxLive: number, maxStarting: number, reclaim: () => void) {
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
    this.#serve()
    if (urgent && place.queue !== null && this.#live >= this.#maxLive) this.#reclaim()
    return () => {
      if (place.queue === null) return
      place.queue.leave(place)
      if (queue.length === 0) this.#queues.delete(pool)
    }
  }

  #serve(): void {
    while (this.#live < this.#maxLive && this.#starting < this.#maxStarting) {
      const next = this.#queues.entries().next()
      if (next.done === true) return
      const [pool, queue] = next.value
      const waiting = queue.shift()
      // In turn: a pool that was served goes to the end of the line.
      this.#queues.delete(pool)
      if (queue.length > 0) this.#queues.set(pool, queue)
      if (waiting === null) continue
      this.#live += 1
      this.#starting += 1
      waiting.grant(this.#permit())
    }
  }

  #permit(): StartPermit {
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
        started()
        this.#serve()
      }
    }
  }
}
