import { describeInterface } from "../webidl/describeInterface.ts"
import { isObject } from "../webidl/isObject.ts"

/** What the dispatch needs to see of an event and its author must not. */
interface EventState {
  type: string
  target: object | null
  currentTarget: object | null
  phase: number
  stopPropagation: boolean
  stopImmediate: boolean
  canceled: boolean
  inPassiveListener: boolean
  dispatching: boolean
  initialized: boolean
  bubbles: boolean
  cancelable: boolean
  composed: boolean
  trusted: boolean
}

const now: () => number = globalThis.performance.now.bind(globalThis.performance)

/** Set by the class below: reads the hidden state of an event, undefined for anything else. */
let stateOf: (value: unknown) => EventState | undefined

/** The same function on every instance, as `[LegacyUnforgeable]` demands. */
// a function that replaces it harms only itself
const { defineProperty } = Object
const isTrusted = Object.getOwnPropertyDescriptor(
  {
    get isTrusted(): boolean {
      const state = stateOf(this)
      if (state === undefined) throw new TypeError("Illegal invocation")
      return state.trusted
    }
  },
  "isTrusted"
) as PropertyDescriptor
const isTrustedProperty: PropertyDescriptor = {
  get: isTrusted.get as () => boolean,
  enumerable: true,
  configurable: false
}

export interface EventInit {
  readonly bubbles?: unknown
  readonly cancelable?: unknown
  readonly composed?: unknown
}

/** The dictionary of an event's constructor: undefined and null are an empty one; other primitives are refused. */
export const dictionary = (value: unknown, what: string): Record<string, unknown> => {
  if (value === undefined || value === null) return {}
  if (!isObject(value)) throw new TypeError(`${what}: the second argument is not an object`)
  return value as Record<string, unknown>
}

/** DOM standard, 2.2. */
export class Event {
  #state: EventState
  readonly #timeStamp: number

  static {
    stateOf = (value) => (isObject(value) && #state in value ? value.#state : undefined)
  }

  constructor(type: string, eventInitDict?: EventInit) {
    if (arguments.length === 0) throw new TypeError("Event: a type is required")
    const text = `${type}`
    const init = dictionary(eventInitDict, "Event")
    const bubbles = Boolean(init["bubbles"])
    const cancelable = Boolean(init["cancelable"])
    const composed = Boolean(init["composed"])
    this.#timeStamp = now()
    this.#state = {
      type: text,
      target: null,
      currentTarget: null,
      phase: 0,
      stopPropagation: false,
      stopImmediate: false,
      canceled: false,
      inPassiveListener: false,
      dispatching: false,
      initialized: true,
      bubbles,
      cancelable,
      composed,
      trusted: false
    }
    defineProperty(this, "isTrusted", isTrustedProperty)
  }

  get type(): string {
    return this.#state.type
  }

  get target(): object | null {
    return this.#state.target
  }

  get srcElement(): object | null {
    return this.#state.target
  }

  get currentTarget(): object | null {
    return this.#state.currentTarget
  }

  composedPath(): Array<object> {
    const { currentTarget } = this.#state
    return currentTarget === null ? [] : [currentTarget]
  }

  get eventPhase(): number {
    return this.#state.phase
  }

  stopPropagation(): void {
    this.#state.stopPropagation = true
  }

  get cancelBubble(): boolean {
    return this.#state.stopPropagation
  }

  set cancelBubble(value: boolean) {
    if (value) this.#state.stopPropagation = true
  }

  stopImmediatePropagation(): void {
    this.#state.stopPropagation = true
    this.#state.stopImmediate = true
  }

  get bubbles(): boolean {
    return this.#state.bubbles
  }

  get cancelable(): boolean {
    return this.#state.cancelable
  }

  get returnValue(): boolean {
    return !this.#state.canceled
  }

  set returnValue(value: boolean) {
    if (!value) this.preventDefault()
  }

  preventDefault(): void {
    if (this.#state.cancelable && !this.#state.inPassiveListener) this.#state.canceled = true
  }

  get defaultPrevented(): boolean {
    return this.#state.canceled
  }

  get composed(): boolean {
    return this.#state.composed
  }

  get timeStamp(): number {
    return this.#timeStamp
  }

  initEvent(type: string, bubbles: boolean = false, cancelable: boolean = false): void {
    if (arguments.length === 0) throw new TypeError("initEvent: a type is required")
    const state = this.#state
    const text = `${type}`
    if (state.dispatching) return
    state.initialized = true
    state.stopPropagation = false
    state.stopImmediate = false
    state.canceled = false
    state.trusted = false
    state.target = null
    state.type = text
    state.bubbles = Boolean(bubbles)
    state.cancelable = Boolean(cancelable)
  }

  declare readonly isTrusted: boolean
}

for (const [name, value] of [
  ["NONE", 0],
  ["CAPTURING_PHASE", 1],
  ["AT_TARGET", 2],
  ["BUBBLING_PHASE", 3]
] as const) {
  const constant: PropertyDescriptor = { value, writable: false, enumerable: true, configurable: false }
  Object.defineProperty(Event, name, constant)
  Object.defineProperty(Event.prototype, name, constant)
}
describeInterface(Event, "Event", 1)

/** The hidden state of an event, or undefined when it is none. */
export const eventState = (value: unknown): EventState | undefined => stateOf(value)

/** An event that the worker itself makes. */
export const trustedEvent = (type: string): Event => {
  const event = new Event(type)
  const state = stateOf(event)
  if (state !== undefined) state.trusted = true
  return event
}

export interface CustomEventInit extends EventInit {
  readonly detail?: unknown
}

export class CustomEvent extends Event {
  #detail: unknown

  constructor(type: string, eventInitDict?: CustomEventInit) {
    if (arguments.length === 0) throw new TypeError("CustomEvent: a type is required")
    super(type, eventInitDict)
    const { detail } = dictionary(eventInitDict, "CustomEvent")
    this.#detail = detail === undefined ? null : detail
  }

  get detail(): unknown {
    return this.#detail
  }

  initCustomEvent(
    type: string,
    bubbles: boolean = false,
    cancelable: boolean = false,
    detail: unknown = null
  ): void {
    if (arguments.length === 0) throw new TypeError("initCustomEvent: a type is required")
    if (stateOf(this)?.dispatching === true) return
    this.initEvent(type, bubbles, cancelable)
    this.#detail = detail
  }
}
describeInterface(CustomEvent, "CustomEvent", 1)
