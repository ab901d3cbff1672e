import type { MonotonicClock } from "../domain/MonotonicClock.ts"

/** One call under watch. */
export interface Watched {
  readonly request: Request
  readonly gone: () => void
}

/**
 * Tells when a client goes away before it was answered. Listening to every request's `signal` costs several
 * per cent of the throughput, and most calls are answered within a millisecond: a call gets a listener only when it is
 * still open at the next tick. A client that left before that is found at the tick.
 *
 * With nothing open there is no timer (S-12). It holds as many entries as calls are open.
 */
export class ClientWatch {
  readonly #clock: MonotonicClock["Type"]
  readonly #tickMs: number
  readonly #young = new Set<Watched>()
  #armed = false

  constructor(clock: MonotonicClock["Type"], tickMs = 20) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  /** Calls `gone` at most once, if the client goes away. */
  add(request: Request, gone: () => void): Watched {
    const watched: Watched = { request, gone }
    this.#young.add(watched)
    if (!this.#armed) this.#arm()
    return watched
  }

  /** The call was answered. What its listener still hears does nothing (the scheduler's `Cancel` is harmless by then). */
  remove(watched: Watched): void {
    this.#young.delete(watched)
  }

  #arm(): void {
    this.#armed = true
    this.#clock.after(this.#tickMs, () => this.#tick())
  }

  #tick(): void {
    this.#armed = false
    // What `gone` does may answer others, and they then leave the set: it is emptied first.
    const open = [...this.#young]
    this.#young.clear()
    for (const { gone, request } of open) {
      const { signal } = request
      if (signal.aborted) gone()
      else signal.addEventListener("abort", gone, { once: true })
    }
  }
}
