import type { CallPayload, ResultPayload } from "../protocol/worker/Wire.ts"
import { type FetchRules, hostFetch } from "./HostFetch.ts"

/** Calls of one invocation, and of one worker, that may be under way; of more, each is refused at once. */
export const CALLS_PER_INVOCATION = 32
export const CALLS_PER_WORKER = 256

interface Call {
  readonly invocation: string
  readonly abort: AbortController
}

/**
 * What one worker has its host do for it (`call`): `fetch`. Each call ends with the time of the invocation that made it; one
 * made outside of any has `budgetMs` too, which its owner chooses.
 */
export class HostCalls {
  readonly #rules: FetchRules
  readonly #reply: (invocation: string, result: ResultPayload) => void
  readonly #calls = new Map<string, Call>()

  constructor(rules: FetchRules, reply: (invocation: string, result: ResultPayload) => void) {
    this.#rules = rules
    this.#reply = reply
  }

  get underWay(): number {
    return this.#calls.size
  }

  /** A `call` of the worker, for the invocation with this wire id (empty: none), which has so much time left. */
  take(invocation: string, { call_id, name, request }: CallPayload, budgetMs: number): void {
    if (name === "abort") return this.#drop(call_id, new DOMException("it was aborted", "AbortError"))
    const refuse = (message: string): void =>
      this.#reply(invocation, { call_id, ok: false, error: { name: "TypeError", message } })
    if (name !== "fetch" || request === undefined) return refuse(`the host has no call "${name}"`)
    if (this.#calls.has(call_id)) return refuse("a call with this id is under way")
    if (this.#calls.size >= CALLS_PER_WORKER || this.#of(invocation) >= CALLS_PER_INVOCATION) {
      return refuse(
        `more than ${CALLS_PER_INVOCATION} fetches of one invocation are under way (${CALLS_PER_WORKER} of one worker); wait for some`
      )
    }
    const abort = new AbortController()
    const call: Call = { invocation, abort }
    this.#calls.set(call_id, call)
    const late = setTimeout(
      () => abort.abort(new DOMException("the invocation's time is over", "TimeoutError")),
      Math.max(0, budgetMs)
    )
    late.unref()
    const finish = (result: ResultPayload): void => {
      clearTimeout(late)
      if (this.#calls.get(call_id) !== call) return
      this.#calls.delete(call_id)
      this.#reply(invocation, result)
    }
    hostFetch(request, this.#rules, abort.signal)
      .then((result) => finish({ call_id, ...result }))
      .catch((cause: unknown) => {
        const error = cause instanceof Error ? cause : { name: "TypeError", message: String(cause) }
        finish({ call_id, ok: false, error: { name: error.name, message: error.message } })
      })
  }

  /** The invocation was given up: so are its calls, and the worker is told. */
  cancel(invocation: string): void {
    for (const call of this.#calls.values()) {
      if (call.invocation === invocation)
        call.abort.abort(new DOMException("the invocation was given up", "AbortError"))
    }
  }

  /** The worker is gone: nobody waits for an answer. */
  close(): void {
    for (const id of [...this.#calls.keys()])
      this.#drop(id, new DOMException("the worker is gone", "AbortError"))
  }

  #drop(id: string, reason: DOMException): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    call?.abort.abort(reason)
  }

  #of(invocation: string): number {
    let count = 0
    for (const call of this.#calls.values()) if (call.invocation === invocation) count += 1
    return count
  }
}
