import { reportException } from "bunbase:core"
import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"
import type { AbortSignal } from "./AbortSignal.ts"
import { type Event, eventState } from "./Event.ts"
import { whenAborted } from "./abortAlgorithms.ts"

type Callback = ((event: Event) => unknown) | { readonly handleEvent: (event: Event) => unknown }

interface Listener {
  readonly type: string
  readonly callback: Callback | null
  readonly capture: boolean
  readonly once: boolean
  readonly passive: boolean
  readonly signal: AbortSignal | null
  readonly onAbort: (() => void) | null
  removed: boolean
}

const captureOf = (options: unknown): boolean =>
  isObject(options) ? Boolean((options as Record<string, unknown>)["capture"]) : Boolean(options)

/** Set by the class below. */
let listenersOf: (target: EventTarget) => Array<Listener>
let isEventTarget: (value: unknown) => value is EventTarget

const checkCallback = (callback: unknown, method: string): Callback | null => {
  if (callback === null || callback === undefined) return null
  if (!isObject(callback)) throw new TypeError(`${method}: the listener is not an object or a function`)
  return callback as Callback
}

const checkSignal = (signal: unknown): AbortSignal | null => {
  if (signal === undefined) return null
  if (whenAborted.isSignal(signal)) return signal
  throw new TypeError("addEventListener: signal is not an AbortSignal")
}

/** DOM standard, 2.7, for targets without a tree: the path of every event is its target. */
export class EventTarget {
  #listeners: Array<Listener> = []

  static {
    listenersOf = (target) => target.#listeners
    isEventTarget = (value): value is EventTarget => isObject(value) && #listeners in value
  }

  addEventListener(type: string, callback: Callback | null, options?: unknown): void {
    // Called as a plain function the standard takes the global object, which is no event target here.
    const listeners = listenersOf(targetOf(this, arguments.length, "addEventListener"))
    const name = `${type}`
    const listener = checkCallback(callback, "addEventListener")
    const given = (isObject(options) ? options : {}) as Record<string, unknown>
    const capture = captureOf(options)
    const once = Boolean(given["once"])
    const passive = Boolean(given["passive"])
    const signal = checkSignal(given["signal"])
    if (signal?.aborted === true || listener === null) return
    if (listeners.some((one) => one.type === name && one.callback === listener && one.capture === capture)) {
      return
    }
    const entry: Listener = {
      type: name,
      callback: listener,
      capture,
      once,
      passive,
      signal,
      onAbort: signal === null ? null : () => remove(this, entry),
      removed: false
    }
    listeners.push(entry)
    whenAborted.listenersChanged(this)
    if (signal !== null && entry.onAbort !== null) whenAborted.add(signal, entry.onAbort)
  }

  removeEventListener(type: string, callback: Callback | null, options?: unknown): void {
    const listeners = listenersOf(targetOf(this, arguments.length, "removeEventListener"))
    const name = `${type}`
    const listener = checkCallback(callback, "removeEventListener")
    const capture = captureOf(options)
    const entry = listeners.find(
      (one) => one.type === name && one.callback === listener && one.capture === capture
    )
    if (entry !== undefined) remove(this, entry)
  }

  dispatchEvent(event: Event): boolean {
    const target = targetOf(this, arguments.length === 0 ? 0 : 2, "dispatchEvent")
    const state = eventState(event)
    if (state === undefined) throw new TypeError("dispatchEvent: the argument is not an Event")
    if (state.dispatching || !state.initialized) {
      throw new DOMException("The event is being dispatched already", "InvalidStateError")
    }
    state.trusted = false
    return dispatch(target, event)
  }
}
describeInterface(EventTarget, "EventTarget", 0)

const targetOf = (value: unknown, given: number, method: string): EventTarget => {
  if (!isEventTarget(value)) throw new TypeError(`${method}: Illegal invocation`)
  if (given < 2) throw new TypeError(`${method}: not enough arguments`)
  return value
}

const remove = (target: EventTarget, entry: Listener): void => {
  entry.removed = true
  const listeners = listenersOf(target)
  const at = listeners.indexOf(entry)
  if (at !== -1) listeners.splice(at, 1)
  whenAborted.listenersChanged(target)
  if (entry.signal !== null && entry.onAbort !== null) whenAborted.remove(entry.signal, entry.onAbort)
}

/** Whether anybody listens. */
export const hasListener = (target: EventTarget, type: string): boolean =>
  listenersOf(target).some((one) => one.type === type)

const call = (callback: Callback, target: EventTarget, event: Event): void => {
  try {
    if (typeof callback === "function") {
      callback.call(target, event)
      return
    }
    const handle = callback.handleEvent
    if (typeof handle !== "function") throw new TypeError("the listener's handleEvent is not a function")
    handle.call(callback, event)
  } catch (thrown) {
    reportException(thrown)
  }
}

const invoke = (target: EventTarget, event: Event, capture: boolean): void => {
  const state = eventState(event)
  if (state === undefined || state.stopPropagation) return
  const listeners = listenersOf(target).slice()
  for (let i = 0; i < listeners.length; i += 1) {
    const listener = listeners[i] as Listener
    if (listener.removed || listener.type !== state.type || listener.capture !== capture) continue
    if (listener.once) remove(target, listener)
    state.inPassiveListener = listener.passive
    if (listener.callback !== null) call(listener.callback, target, event)
    state.inPassiveListener = false
    if (state.stopImmediate) return
  }
}

/** Calls the listeners; false when one of them prevented the default. */
export const dispatch = (target: EventTarget, event: Event): boolean => {
  const state = eventState(event)
  if (state === undefined) return true
  state.dispatching = true
  state.target = target
  state.currentTarget = target
  state.phase = 2
  invoke(target, event, true)
  invoke(target, event, false)
  state.phase = 0
  state.currentTarget = null
  state.dispatching = false
  state.stopPropagation = false
  state.stopImmediate = false
  return !state.canceled
}

/**
 * An `on…` attribute: the function is called in the place of the first one that was set; other objects count as null when
 * they are called (HTML standard, 8.1.8.1).
 */
export class EventHandlerSlot {
  #handler: object | null = null
  #listening = false
  readonly #target: EventTarget
  readonly #type: string

  constructor(target: EventTarget, type: string) {
    this.#target = target
    this.#type = type
  }

  get handler(): object | null {
    return this.#handler
  }

  set handler(value: unknown) {
    this.#handler = isObject(value) ? value : null
    if (this.#handler === null) {
      if (this.#listening) this.#target.removeEventListener(this.#type, this.#call)
      this.#listening = false
    } else if (!this.#listening) {
      this.#listening = true
      this.#target.addEventListener(this.#type, this.#call)
    }
  }

  readonly #call = (event: Event): void => {
    if (typeof this.#handler !== "function") return
    const result: unknown = this.#handler.call(this.#target, event)
    if (result === false) event.preventDefault()
  }
}
