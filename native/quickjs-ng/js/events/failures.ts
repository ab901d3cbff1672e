import { describeInterface } from "../webidl/describeInterface.ts"
import { dictionary, Event, type EventInit } from "./Event.ts"

export interface ErrorEventInit extends EventInit {
  readonly message?: string
  readonly filename?: string
  readonly lineno?: number
  readonly colno?: number
  readonly error?: unknown
}

const text = (value: unknown): string => (value === undefined ? "" : `${value as string}`)
const unsigned = (value: unknown): number => Number(value === undefined ? 0 : value) >>> 0

/** HTML standard, 8.1.4.6. */
export class ErrorEvent extends Event {
  readonly #message: string
  readonly #filename: string
  readonly #lineno: number
  readonly #colno: number
  readonly #error: unknown

  constructor(type: string, eventInitDict?: ErrorEventInit) {
    if (arguments.length === 0) throw new TypeError("ErrorEvent: a type is required")
    super(type, eventInitDict)
    const init = dictionary(eventInitDict, "ErrorEvent")
    this.#colno = unsigned(init["colno"])
    this.#error = init["error"]
    this.#filename = text(init["filename"])
    this.#lineno = unsigned(init["lineno"])
    this.#message = text(init["message"])
  }

  get message(): string {
    return this.#message
  }

  get filename(): string {
    return this.#filename
  }

  get lineno(): number {
    return this.#lineno
  }

  get colno(): number {
    return this.#colno
  }

  get error(): unknown {
    return this.#error
  }
}
describeInterface(ErrorEvent, "ErrorEvent", 1)

export interface PromiseRejectionEventInit extends EventInit {
  readonly promise: object
  readonly reason?: unknown
}

/** HTML standard, 8.1.4.7. */
export class PromiseRejectionEvent extends Event {
  readonly #promise: object
  readonly #reason: unknown

  constructor(type: string, eventInitDict: PromiseRejectionEventInit) {
    if (arguments.length < 2)
      throw new TypeError("PromiseRejectionEvent: a type and a dictionary are required")
    super(type, eventInitDict)
    const init = dictionary(eventInitDict, "PromiseRejectionEvent")
    const promise = init["promise"]
    if (promise === undefined) throw new TypeError("PromiseRejectionEvent: the dictionary needs a promise")
    this.#promise = Promise.resolve(promise)
    this.#reason = init["reason"]
  }

  get promise(): object {
    return this.#promise
  }

  get reason(): unknown {
    return this.#reason
  }
}
describeInterface(PromiseRejectionEvent, "PromiseRejectionEvent", 2)
