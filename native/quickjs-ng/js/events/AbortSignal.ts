import { native } from "bunbase:core"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"
import { whenAborted } from "./abortAlgorithms.ts"
import { trustedEvent } from "./Event.ts"
import { dispatch, EventHandlerSlot, EventTarget, hasListener } from "./EventTarget.ts"

/** So many signals that follow another one are never looked through. */
const FEW = 32

/** Only the worker's own code makes signals. */
const CONSTRUCT = Symbol("construct")

interface SignalState {
  aborted: boolean
  reason: unknown
  readonly algorithms: Set<() => void>
  /** Signals made by `any` that follow this one. */
  readonly dependents: Set<WeakRef<AbortSignal>>
  /** With this many, those that are gone are taken out: as many again as there were after the last time. */
  prunedAt: number
  /** Of a signal made by `any`: the signals it follows, none of which follows another. */
  readonly sources: Set<AbortSignal>
  readonly onabort: EventHandlerSlot
}

/** Set by the class below: reads the hidden state; throws for anything else. */
let stateOf: (signal: AbortSignal) => SignalState
let isSignal: (value: unknown) => value is AbortSignal

/** Dependent signals with somebody waiting are kept alive by this; others may be collected. */
const awaited = new Set<AbortSignal>()

const keepWhileAwaited = (signal: AbortSignal): void => {
  const { sources, algorithms } = stateOf(signal)
  if (sources.size === 0) return
  if (algorithms.size > 0 || hasListener(signal, "abort")) awaited.add(signal)
  else awaited.delete(signal)
}

const make = (): AbortSignal => new AbortSignal(CONSTRUCT as never)

/** An option that is a WebIDL `[EnforceRange] unsigned long long`. */
const milliseconds = (value: unknown): number => {
  const number = Number(value)
  if (!Number.isFinite(number)) throw new TypeError("AbortSignal.timeout: the time is not a finite number")
  const whole = Math.trunc(number)
  if (whole < 0 || whole > Number.MAX_SAFE_INTEGER) {
    throw new TypeError("AbortSignal.timeout: the time is out of range")
  }
  return whole
}

/** DOM standard, 3.2. */
export class AbortSignal extends EventTarget {
  #state: SignalState

  static {
    stateOf = (signal) => signal.#state
    isSignal = (value): value is AbortSignal => isObject(value) && #state in value
  }

  constructor(..._none: ReadonlyArray<never>) {
    if ((arguments[0] as unknown) !== CONSTRUCT) throw new TypeError("Illegal constructor")
    super()
    this.#state = {
      aborted: false,
      reason: undefined,
      algorithms: new Set(),
      dependents: new Set(),
      prunedAt: FEW,
      sources: new Set(),
      onabort: new EventHandlerSlot(this, "abort")
    }
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = make()
    const state = stateOf(signal)
    state.aborted = true
    state.reason = reason === undefined ? abortError() : reason
    return signal
  }

  static timeout(time: number): AbortSignal {
    if (arguments.length === 0) throw new TypeError("AbortSignal.timeout: a time is required")
    const after = milliseconds(time)
    const signal = make()
    native.setTimer(after, () =>
      signalAbort(signal, new DOMException("The operation timed out.", "TimeoutError"))
    )
    return signal
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    if (!isObject(signals)) throw new TypeError("AbortSignal.any: the argument is not iterable")
    const given = [...signals]
    for (const signal of given) {
      if (!isSignal(signal)) throw new TypeError("AbortSignal.any: not all of the elements are AbortSignals")
    }
    return dependentOn(given)
  }

  get aborted(): boolean {
    return this.#state.aborted
  }

  get reason(): unknown {
    return this.#state.reason
  }

  throwIfAborted(): void {
    if (this.#state.aborted) throw this.#state.reason
  }

  get onabort(): object | null {
    return this.#state.onabort.handler
  }

  set onabort(value: unknown) {
    this.#state.onabort.handler = value
  }
}
describeInterface(AbortSignal, "AbortSignal", 0)

const abortError = (): DOMException => new DOMException("The operation was aborted.", "AbortError")

/** A signal may outlive any number of signals that follow it. */
const follow = (source: SignalState, dependent: WeakRef<AbortSignal>): void => {
  const { dependents } = source
  if (dependents.size >= source.prunedAt) {
    dependents.forEach((one) => {
      if (one.deref() === undefined) dependents.delete(one)
    })
    source.prunedAt = Math.max(FEW, dependents.size * 2)
  }
  dependents.add(dependent)
}

const dependentOn = (given: ReadonlyArray<AbortSignal>): AbortSignal => {
  const signal = make()
  const state = stateOf(signal)
  const aborted = given.find((one) => stateOf(one).aborted)
  if (aborted !== undefined) {
    state.aborted = true
    state.reason = stateOf(aborted).reason
    return signal
  }
  const self = new WeakRef(signal)
  for (const one of given) {
    const { sources } = stateOf(one)
    for (const source of sources.size > 0 ? sources : [one]) {
      if (state.sources.has(source)) continue
      state.sources.add(source)
      follow(stateOf(source), self)
    }
  }
  return signal
}

/** Aborts a signal: first the state of all that follow it, then the algorithms and events in order. */
export const signalAbort = (signal: AbortSignal, reason: unknown): void => {
  const state = stateOf(signal)
  if (state.aborted) return
  const abortReason = reason === undefined ? abortError() : reason
  state.aborted = true
  state.reason = abortReason
  // no iterators here: the session aborts signals, and a function may have spoilt them so that they never end
  const all: Array<AbortSignal> = [signal]
  state.dependents.forEach((reference) => {
    const dependent = reference.deref()
    if (dependent === undefined || stateOf(dependent).aborted) return
    stateOf(dependent).aborted = true
    stateOf(dependent).reason = abortReason
    all.push(dependent)
  })
  state.dependents.clear()
  for (let i = 0; i < all.length; i += 1) {
    const one = all[i] as AbortSignal
    const { algorithms } = stateOf(one)
    const todo: Array<() => void> = []
    algorithms.forEach((algorithm) => todo.push(algorithm))
    algorithms.clear()
    for (let at = 0; at < todo.length; at += 1) (todo[at] as () => void)()
    dispatch(one, trustedEvent("abort"))
    awaited.delete(one)
  }
}

whenAborted.isSignal = (value): value is AbortSignal => isSignal(value)
whenAborted.add = (signal, algorithm) => {
  if (stateOf(signal).aborted) return
  stateOf(signal).algorithms.add(algorithm)
  keepWhileAwaited(signal)
}
whenAborted.listenersChanged = (target) => {
  if (isSignal(target)) keepWhileAwaited(target)
}
whenAborted.remove = (signal, algorithm) => {
  stateOf(signal).algorithms.delete(algorithm)
  keepWhileAwaited(signal)
}

/** A signal that can be aborted by `signalAbort`. */
export const makeSignal = make

export class AbortController {
  readonly #signal: AbortSignal = make()

  get signal(): AbortSignal {
    return this.#signal
  }

  abort(reason?: unknown): void {
    signalAbort(this.#signal, reason)
  }
}
describeInterface(AbortController, "AbortController", 0)
