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

/**
 * The machine's budget of workers, shared by all pools: so many live, so many starting at once. Pools wait in order, one
 * place per worker, so that a pool that wants many cannot keep out one that wants its first.
 */
export class StartBudget {
  readonly #maxLive: number
  readonly #maxStarting: number
  readonly #reclaim: () => boolean
  /** One queue per pool, served in turn. */
  readonly #queues = new Map<object, FifoQueue<Waiting>>()
  /** Pools with somebody who waits for the places that they wait for. */
  readonly #urgent = new Set<object>()
  #live = 0
  #starting = 0
  /** Workers that were told to end for others and have not done so yet. */
  #reclaimed = 0

  /**
   * `reclaim` is called when a worker is wanted urgently and none may be added: whoever has one to spare should end it.
   * It says whether someone had.
   */
  constructor(maxLive: number, maxStarting: number, reclaim: () => boolean) {
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
      if (this.#reclaim()) continue
      this.#reclaimed -= 1
      return
    }
  }

  #forget(pool: object): void {
    this.#queues.delete(pool)
    this.#urgent.delete(pool)
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
      else this.#urgent.delete(pool)
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
        this.#reclaimed = Math.max(0, this.#reclaimed - 1)
        started()
        this.#serve()
      }
    }
  }
}
