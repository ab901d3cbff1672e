import { native } from "bunbase:core"
import type { AbortSignal } from "../events/AbortSignal.ts"
import type * as Events from "../segments/events.ts"

/** What the streams library works with in the worker (put in by tools/streamsLibrary.ts). */

const events = (): typeof Events => native.segment("events") as typeof Events

/** A property key that no reflection shows. */
export const slot = (name: string): symbol => native.privateSymbol(name)

/** An AbortController whose signal is made when it is asked for: few sinks look at it. */
class LazyAbortController {
  #signal: AbortSignal | null = null
  #aborted = false
  #reason: unknown

  get signal(): AbortSignal {
    if (this.#signal === null) {
      this.#signal = events().makeSignal()
      if (this.#aborted) events().signalAbort(this.#signal, this.#reason)
    }
    return this.#signal
  }

  abort(reason: unknown): void {
    if (this.#signal !== null) return events().signalAbort(this.#signal, reason)
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
  }
}

export const newAbortController = (): LazyAbortController => new LazyAbortController()

export const isAbortSignal = (value: unknown): boolean =>
  typeof value === "object" && value !== null && events().whenAborted.isSignal(value)

export const whenAborted = (signal: AbortSignal, algorithm: () => void): void =>
  events().whenAborted.add(signal, algorithm)

export const notWhenAborted = (signal: AbortSignal, algorithm: () => void): void =>
  events().whenAborted.remove(signal, algorithm)

const { then } = Promise.prototype
const resolved = Promise.resolve()
/** Runs in a microtask. `run` must not throw. */
export const soon = (run: () => void): void => {
  Reflect.apply(then, resolved, [run])
}
