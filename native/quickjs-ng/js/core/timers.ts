import { apply } from "./intrinsics.ts"
import { native } from "./native.ts"

/** HTML: a timer that was set by a timer that was set by … waits at least 4 ms from the fifth on. */
const NESTING = 5
const CLAMPED_MS = 4
const MAX_DELAY = 0x7fff_ffff

let nesting = 0
/** Intervals by the id that their owner has: each round is a timer of its own. */
const rounds = new Map<number, number>()
const { get, set, delete: remove } = Map.prototype

type Callback = (...args: ReadonlyArray<unknown>) => unknown

const callbackOf = (handler: unknown, name: string): Callback => {
  if (typeof handler !== "function") throw new TypeError(`${name}: the first argument is not a function`)
  return handler as Callback
}

const delayOf = (timeout: unknown): number => {
  const delay = Math.trunc(Number(timeout))
  // like a `long`: what does not fit is not waited for
  return delay > 0 && delay <= MAX_DELAY ? delay : 0
}

const schedule = (delay: number, run: () => void): number => {
  const level = nesting + 1
  return native.setTimer(level > NESTING && delay < CLAMPED_MS ? CLAMPED_MS : delay, () => {
    const outer = nesting
    nesting = level
    try {
      run()
    } finally {
      nesting = outer
    }
  })
}

export function setTimeout(handler: unknown, timeout?: unknown, ...args: Array<unknown>): number {
  const callback = callbackOf(handler, "setTimeout")
  return schedule(delayOf(timeout), () => apply(callback, globalThis, args))
}

export function setInterval(handler: unknown, timeout?: unknown, ...args: Array<unknown>): number {
  const callback = callbackOf(handler, "setInterval")
  const delay = delayOf(timeout)
  let id = 0
  const round = (): void => {
    try {
      apply(callback, globalThis, args)
    } finally {
      if (apply(get, rounds, [id]) !== undefined) apply(set, rounds, [id, schedule(delay, round)])
    }
  }
  id = schedule(delay, round)
  apply(set, rounds, [id, id])
  return id
}

export function clearTimeout(id?: unknown): void {
  const number = Number(id)
  const round = apply(get, rounds, [number]) as number | undefined
  if (round !== undefined) apply(remove, rounds, [number])
  native.clearTimer(round ?? number)
}

export function clearInterval(id?: unknown): void {
  clearTimeout(id)
}
