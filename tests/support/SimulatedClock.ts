import { Layer } from "effect"
import { MonotonicClock } from "../../src/domain/MonotonicClock.ts"

interface Timer {
  readonly at: number
  readonly serial: number
  readonly task: () => void
}

/** Timers that fire without time going on: more of them in a row are a busy loop, which a test must not hang in. */
const MOST_TIMERS_AT_ONE_INSTANT = 10_000

/**
 * A `MonotonicClock` that a test moves by hand. Time stands still until `advance` or `run`; then every timer that comes
 * due fires at its own instant, in order, those that are set meanwhile included.
 */
export class SimulatedClock {
  #now: number
  #serial = 0
  readonly #timers = new Set<Timer>()
  readonly service: MonotonicClock["Type"]

  constructor(startsAt = 1_000) {
    this.#now = startsAt
    this.service = {
      now: () => this.#now,
      after: (delayMs, task) => {
        if (Number.isNaN(delayMs)) throw new Error("a timer was set for no instant")
        const timer = { at: this.#now + Math.max(0, delayMs), serial: (this.#serial += 1), task }
        this.#timers.add(timer)
        return () => void this.#timers.delete(timer)
      }
    }
  }

  get now(): number {
    return this.#now
  }

  /** Timers that are set. */
  get armed(): number {
    return this.#timers.size
  }

  /** The instant of the next timer, or null. */
  get next(): number | null {
    return this.#earliest()?.at ?? null
  }

  get layer(): Layer.Layer<MonotonicClock> {
    return Layer.succeed(MonotonicClock, this.service)
  }

  /** Lets time go on by so many milliseconds. */
  advance(ms: number): void {
    const until = this.#now + ms
    const guard = busyLoopGuard()
    for (let timer = this.#due(until); timer !== null; timer = this.#due(until)) {
      guard(timer.at)
      this.#fire(timer)
    }
    this.#now = until
  }

  /** The same, and after every timer waits for `settled`, so that what it set off happens before time goes on. */
  async run(ms: number, settled: () => Promise<void>): Promise<void> {
    const until = this.#now + ms
    const guard = busyLoopGuard()
    for (let timer = this.#due(until); timer !== null; timer = this.#due(until)) {
      guard(timer.at)
      this.#fire(timer)
      await settled()
    }
    this.#now = until
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer)
    this.#now = Math.max(this.#now, timer.at)
    timer.task()
  }

  #due(until: number): Timer | null {
    const timer = this.#earliest()
    return timer !== null && timer.at <= until ? timer : null
  }

  #earliest(): Timer | null {
    let found: Timer | null = null
    for (const timer of this.#timers) {
      if (found === null || timer.at < found.at || (timer.at === found.at && timer.serial < found.serial)) {
        found = timer
      }
    }
    return found
  }
}

const busyLoopGuard = (): ((at: number) => void) => {
  let instant = Number.NaN
  let fired = 0
  return (at) => {
    fired = at === instant ? fired + 1 : 1
    instant = at
    if (fired > MOST_TIMERS_AT_ONE_INSTANT) throw new Error(`a busy loop: timers for ever at ${at} ms`)
  }
}
