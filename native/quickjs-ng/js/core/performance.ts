import { defineProperty } from "./intrinsics.ts"
import { native } from "./native.ts"

/**
 * High Resolution Time, as far as its clock goes: no entries are kept. `timeOrigin` is the Unix time (ms) of this process's
 * own beginning as a worker, so it is taken again in every fork, and `now()` counts from there.
 */

const { now: unixTime } = Date
let origin = 0
let started = 0

/** This moment becomes the origin: at the start, and in every fork. */
export const restartClock = (): void => {
  started = native.now()
  origin = unixTime()
}

const now = (): number => native.now() - started

/** Defines the global `performance`. */
export const installPerformance = (): void => {
  restartClock()
  const performance = {
    now: () => now(),
    get timeOrigin() {
      return origin
    },
    toJSON: () => ({ timeOrigin: origin })
  }
  defineProperty(performance, Symbol.toStringTag, { value: "Performance", configurable: true })
  defineProperty(globalThis, "performance", {
    value: performance,
    writable: true,
    enumerable: true,
    configurable: true
  })
}
