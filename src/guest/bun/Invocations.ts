import type { AsyncLocalStorage } from "node:async_hooks"
import type { CancelPayload, ErrorCode, InvokePayload } from "../../protocol/worker/Wire.ts"
import type { Handler } from "./Handler.ts"
import { toRequest } from "./IncomingRequest.ts"
import {
  abort,
  apply,
  builtin,
  hardenedMap,
  NativeAbortController,
  NativeDOMException,
  peek,
  peekStatus,
  stringify
} from "./Intrinsics.ts"
import type { Journal } from "./Journal.ts"
import { bareErrorLine, type ErrorFields, errorLine } from "./Lines.ts"
import type { Outbox } from "./Outbox.ts"
import { answerLine } from "./OutgoingResponse.ts"
import { Speaker } from "./Speaker.ts"
import { describeThrown } from "./Thrown.ts"

/** One call of the handler, from `invoke` to its one answer. */
class Invocation extends Speaker {
  readonly id: string
  readonly controller = new NativeAbortController()
  /** Why it was cancelled; null while it was not. */
  cancelled: string | null = null
  answered = false

  constructor(id: string, journal: Journal) {
    super(stringify(id), journal)
    this.id = id
  }
}

type Context = AsyncLocalStorage<Invocation>

/** Loading its module takes a millisecond. */
const newContext = (): Context => {
  const { AsyncLocalStorage } = builtin("node:async_hooks")
  const context: Context = new AsyncLocalStorage<Invocation>()
  const { run, getStore } = AsyncLocalStorage.prototype
  return Object.assign(context, { run, getStore })
}

const failure = (invocation: Invocation, code: ErrorCode, fields: ErrorFields): string => {
  try {
    return errorLine(invocation.quotedId, code, fields)
  } catch {
    return bareErrorLine(invocation.quotedId, code)
  }
}

const threw = (invocation: Invocation, thrown: unknown): string =>
  failure(invocation, "HANDLER_ERROR", describeThrown(thrown))

/**
 * The invocations in flight: as many at once as the host sends. Each is answered exactly once, or never when its handler
 * never settles.
 */
export class Invocations {
  readonly #outbox: Outbox
  readonly #journal: Journal
  /** Who logs outside of any invocation. */
  readonly #worker: Speaker
  readonly #inFlight = hardenedMap<string, Invocation>()
  #count = 0
  #handler: Handler | null = null
  #context: Context | null = null
  #whenIdle: (() => void) | null = null

  constructor(outbox: Outbox, journal: Journal) {
    this.#outbox = outbox
    this.#journal = journal
    this.#worker = new Speaker('""', journal)
  }

  get count(): number {
    return this.#count
  }

  /** Who is speaking: the invocation in whose asynchronous context this is called, else the worker. */
  readonly speaker = (): Speaker => this.#context?.getStore() ?? this.#worker

  /** Like `speaker`; where the context is lost, the only invocation in flight is taken for it. */
  readonly likelySpeaker = (): Speaker => {
    const known = this.#context?.getStore()
    if (known !== undefined || this.#count !== 1) return known ?? this.#worker
    let only: Speaker = this.#worker
    this.#inFlight.forEach((one) => {
      only = one
    })
    return only
  }

  /** Loads what invocations need. Has to be called before anything of the function's runs. */
  prepare(): void {
    this.#context = newContext()
  }

  /** The bundle is loaded; invocations can begin. */
  begin(handler: Handler): void {
    this.#handler = handler
  }

  /** Calls back once, when nothing is in flight. */
  whenIdle(callback: () => void): void {
    if (this.#count === 0) callback()
    else this.#whenIdle = callback
  }

  /** False when the id is in flight already: then nothing happens. Needs `prepare` and `begin`. */
  start(id: string, payload: InvokePayload): boolean {
    const handler = this.#handler
    const context = this.#context
    if (handler === null || context === null || this.#inFlight.has(id)) return false
    const invocation = new Invocation(id, this.#journal)
    this.#inFlight.set(id, invocation)
    this.#count += 1
    try {
      context.run(invocation, this.#run, invocation, payload, handler)
    } catch (thrown) {
      // the runtime's own `run` needs built-ins that the function may have spoilt
      this.#settle(invocation, threw(invocation, thrown))
    }
    return true
  }

  cancel(id: string, reason: CancelPayload["reason"] | undefined): void {
    const invocation = this.#inFlight.get(id)
    const context = this.#context
    if (invocation === undefined || invocation.cancelled !== null || context === null) return
    const why = reason === "deadline" ? "the deadline passed" : "the caller went away"
    invocation.cancelled = why
    context.run(invocation, () => {
      apply(abort, invocation.controller, [new NativeDOMException(why, "AbortError")])
    })
  }

  /** Whatever can be had at once is had at once: a handler that returns a Response costs no turn of the event loop. */
  readonly #run = (invocation: Invocation, payload: InvokePayload, handler: Handler): void => {
    try {
      const request = toRequest(invocation.id, payload, invocation.controller.signal)
      const result = handler(request)
      if (peekStatus(result as Promise<unknown>) === "fulfilled") {
        const value = peek(result)
        if (value !== result || !isThenable(value)) {
          const line = answerLine(invocation.quotedId, value)
          if (typeof line === "string") this.#settle(invocation, line)
          else void this.#await(invocation, line)
          return
        }
      }
      void this.#awaitResult(invocation, result)
    } catch (thrown) {
      this.#settle(invocation, threw(invocation, thrown))
    }
  }

  async #awaitResult(invocation: Invocation, result: unknown): Promise<void> {
    let line: string
    try {
      const answer = answerLine(invocation.quotedId, await result)
      line = typeof answer === "string" ? answer : await answer
    } catch (thrown) {
      line = threw(invocation, thrown)
    }
    this.#settle(invocation, line)
  }

  async #await(invocation: Invocation, answer: Promise<string>): Promise<void> {
    let line: string
    try {
      line = await answer
    } catch (thrown) {
      line = threw(invocation, thrown)
    }
    this.#settle(invocation, line)
  }

  #settle(invocation: Invocation, line: string): void {
    if (invocation.answered) return
    invocation.answered = true
    invocation.finish()
    // Who waits for the answer may look at the log next: it says that something is missing.
    this.#journal.confess()
    const { cancelled } = invocation
    this.#inFlight.delete(invocation.id)
    this.#count -= 1
    this.#outbox.send(cancelled === null ? line : failure(invocation, "CANCELLED", { message: cancelled }))
    if (this.#count === 0 && this.#whenIdle !== null) {
      const callback = this.#whenIdle
      this.#whenIdle = null
      callback()
    }
  }
}

const isThenable = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as { readonly then?: unknown }).then === "function"
