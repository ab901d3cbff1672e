import type { CallPayload, ResultPayload } from "../protocol/worker/Wire.ts"
import { type FetchRules, hostFetch } from "./HostFetch.ts"

/** Calls of one invocation, and of one worker, that may be under way; of more, each is refused at once. */
export const CALLS_PER_INVOCATION = 32
export const CALLS_PER_WORKER = 256
/**
 * What a call gets beyond its invocation's time. At the deadline the invocation is given up, its calls with it, and has its
 * outcome (FN_002). A call that ended by itself at that instant would come first, and have the handler fail instead.
 */
const BEYOND_DEADLINE_MS = 100

interface Call {
  readonly invocation: string
  readonly abort: AbortController
  /** What its request holds of the budget. */
  readonly bytes: number
}

/** Says a result to the worker; `sent` is called once nothing of it is held any more: it is sent, or nobody takes it. */
export type Reply = (invocation: string, result: ResultPayload, sent: () => void) => void

const NOTHING = (): void => {}
const NO_ROOM = "the server holds too many fetched bytes at the moment; try again"

/**
 * What one worker has its host do for it (`call`): `fetch`. Each call ends with the time of the invocation that made it; one
 * made outside of any has `budgetMs` too, which its owner chooses.
 */
export class HostCalls {
  readonly #rules: FetchRules
  readonly #reply: Reply
  readonly #calls = new Map<string, Call>()

  constructor(rules: FetchRules, reply: Reply) {
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
      this.#reply(invocation, { call_id, ok: false, error: { name: "TypeError", message } }, NOTHING)
    if (name !== "fetch" || request === undefined) return refuse(`the host has no call "${name}"`)
    if (this.#calls.has(call_id)) return refuse("a call with this id is under way")
    if (this.#calls.size >= CALLS_PER_WORKER || this.#of(invocation) >= CALLS_PER_INVOCATION) {
      return refuse(
        `more than ${CALLS_PER_INVOCATION} fetches of one invocation are under way (${CALLS_PER_WORKER} of one worker); wait for some`
      )
    }
    const { budget } = this.#rules
    const bytes = request.body.length
    if (!budget.take(bytes)) return refuse(NO_ROOM)
    const abort = new AbortController()
    const call: Call = { invocation, abort, bytes }
    this.#calls.set(call_id, call)
    const late = setTimeout(
      () => abort.abort(new DOMException("the invocation's time is over", "TimeoutError")),
      Math.max(0, budgetMs) + BEYOND_DEADLINE_MS
    )
    late.unref()
    const finish = (result: ResultPayload): void => {
      clearTimeout(late)
      if (this.#calls.get(call_id) !== call) return
      this.#calls.delete(call_id)
      budget.give(bytes)
      // It is held as long as the worker does not read it.
      const held = result.ok ? result.response.body.length : 0
      if (budget.take(held)) this.#reply(invocation, result, () => budget.give(held))
      else refuse(NO_ROOM)
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
    if (call === undefined) return
    this.#calls.delete(id)
    this.#rules.budget.give(call.bytes)
    call.abort.abort(reason)
  }

  #of(invocation: string): number {
    let count = 0
    for (const call of this.#calls.values()) if (call.invocation === invocation) count += 1
    return count
  }
}
