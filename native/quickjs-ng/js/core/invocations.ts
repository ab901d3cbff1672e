import type * as EventsSegment from "../segments/events.ts"
import type * as FetchSegment from "../segments/fetch.ts"
import { wasRefused } from "./evaluation.ts"
import type { Handler } from "./handler.ts"
import { type ErrorCode, EXIT } from "../wire/constants.ts"
import { ownField } from "../webidl/primordials.ts"
import { hardenedMap } from "../webidl/hardenedMap.ts"
import { keepsUp, sendInTurn, takeBack } from "./backlog.ts"
import { NativeDOMException, stringify, whenAwaited, whenOwnSettled } from "./intrinsics.ts"
import { bareErrorLine, type ErrorFields, errorLine, RESPONSE_TAIL, responseHead } from "./lines.ts"
import { native } from "./native.ts"
import { type InvokePayload, toRequest } from "./request.ts"
import { Speaker } from "./speaker.ts"
import { describeThrown, isOutOfMemory } from "./thrown.ts"

type Events = typeof EventsSegment
type Signal = ReturnType<Events["makeSignal"]>
type Parts = Awaited<ReturnType<typeof FetchSegment.responseParts>>

const events = (): Events => native.segment("events") as unknown as Events
const abortError = (why: string): DOMException => new NativeDOMException(why, "AbortError")

/**
 * The deadline is the host's to keep, by its clock; code that spins is interrupted a little later, so that what was
 * cancelled is answered, too.
 */
const INTERRUPT_MS = 10

/** One call of the handler, from `invoke` to its one answer. It is the asynchronous context of all that comes of it. */
class Invocation extends Speaker {
  readonly id: string
  /** Monotonic ms. The engine reads it: code of this invocation is interrupted past it. */
  deadline: number
  /** Why it was cancelled; null while it was not. */
  cancelled: string | null = null
  answered = false
  #signal: Signal | null = null

  constructor(id: string, deadlineMs: unknown) {
    super(stringify(id))
    this.id = id
    this.deadline =
      typeof deadlineMs === "number" && deadlineMs > 0
        ? native.now() + deadlineMs + INTERRUPT_MS
        : Number.POSITIVE_INFINITY
  }

  /** Made when somebody asks for it. */
  readonly signal = (): Signal => {
    if (this.#signal === null) {
      this.#signal = events().makeSignal()
      if (this.cancelled !== null) events().signalAbort(this.#signal, abortError(this.cancelled))
    }
    return this.#signal
  }

  abort(why: string): void {
    this.cancelled = why
    if (this.#signal !== null) events().signalAbort(this.#signal, abortError(why))
  }
}

const DEADLINE = "the deadline passed"
const MEMORY: ErrorFields = { message: "the function used more memory than it may have" }

const inFlight = hardenedMap<string, Invocation>()
let handler: Handler | null = null
let onIdle: (() => void) | null = null
let exhausted = false

/** Who logs outside of any invocation. */
const worker = new Speaker('""')

/** Who is speaking: the invocation in whose asynchronous context this is called, else the worker. */
export const speaker = (): Speaker => {
  const context = native.context()
  return context instanceof Invocation ? context : worker
}

/** The id of the invocation in whose asynchronous context this is called; empty outside of any. */
export const invocationId = (): string => {
  const context = native.context()
  return context instanceof Invocation ? context.id : ""
}

/** Like `speaker`; where the context is lost, the only invocation in flight is taken for it. */
export const likelySpeaker = (): Speaker => {
  const known = speaker()
  if (known !== worker || inFlight.size !== 1) return known
  let only: Speaker = worker
  inFlight.forEach((one) => {
    only = one
  })
  return only
}

/** The bundle is loaded; invocations can begin. */
export const begin = (loaded: Handler): void => {
  handler = loaded
}

/** Calls back once, when nothing is in flight. */
export const whenIdle = (callback: () => void): void => {
  if (inFlight.size === 0) callback()
  else onIdle = callback
}

/** False when the id is in flight already: then nothing happens. Needs `begin`. */
export const start = (id: string, payload: InvokePayload): boolean => {
  if (handler === null || inFlight.has(id)) return false
  const invocation = new Invocation(id, ownField(payload, "deadline_ms"))
  inFlight.set(id, invocation)
  const call = handler
  native.runWith(invocation, () => run(invocation, payload, call))
  return true
}

export const cancel = (id: string, reason: unknown): void => {
  const invocation = inFlight.get(id)
  if (invocation === undefined || invocation.cancelled !== null) return
  const why = reason === "deadline" ? DEADLINE : "the caller went away"
  native.runWith(invocation, () => invocation.abort(why))
}

/** Code of an invocation was stopped at its deadline. */
export const interrupted = (context: unknown): void => {
  if (!(context instanceof Invocation) || context.answered) return
  context.cancelled ??= DEADLINE
  fail(context, "CANCELLED", { message: context.cancelled })
}

/** The engine has no memory left: everybody in flight hears of it, and the worker ends. */
export const giveUp = (): void => {
  if (exhausted) return
  exhausted = true
  native.relieveMemory()
  onIdle = null
  inFlight.forEach((invocation) => fail(invocation, "OUT_OF_MEMORY", MEMORY))
  native.flushThenExit(EXIT.memory)
}

/** Whatever can be had at once is had at once: a handler that returns a Response costs no turn of the event loop. */
const run = (invocation: Invocation, payload: InvokePayload, call: Handler): void => {
  try {
    const result = call(toRequest(invocation.id, payload, invocation.signal))
    const promise = native.promiseState(result)
    if (promise === null) {
      if (isThenable(result)) settleLater(invocation, result, false)
      else answer(invocation, result)
    } else if (promise.state === "fulfilled") {
      answer(invocation, promise.value)
    } else {
      settleLater(invocation, result, true)
    }
  } catch (thrown) {
    threw(invocation, thrown)
  }
}

const isThenable = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as { readonly then?: unknown }).then === "function"

const settleLater = (invocation: Invocation, result: unknown, isPromise: boolean): void =>
  whenAwaited(
    result,
    isPromise,
    (value) => {
      try {
        answer(invocation, value)
      } catch (thrown) {
        threw(invocation, thrown)
      }
    },
    (thrown) => threw(invocation, thrown)
  )

/** Answers with what the handler came to. Throws only what user code threw. */
const answer = (invocation: Invocation, value: unknown): void => {
  const { responseParts } = native.segment("fetch") as unknown as typeof FetchSegment
  const parts = responseParts(value)
  if (native.promiseState(parts) === null) return send(invocation, parts as Parts)
  whenOwnSettled(
    parts as Promise<Parts>,
    (held) => send(invocation, held as Parts),
    (thrown) => threw(invocation, thrown)
  )
}

const send = (invocation: Invocation, parts: Parts): void => {
  const fault = ownField(parts, "fault")
  if (typeof fault === "string") {
    const code = ownField(parts, "tooLarge") === true ? "RESPONSE_TOO_LARGE" : "INVALID_RESPONSE"
    return fail(invocation, code, { message: fault })
  }
  const { status, headers, body } = parts as Exclude<Parts, { readonly fault: string }>
  const head = responseHead(invocation.quotedId, status, headers)
  if (keepsUp()) return respond(invocation, head, body)
  sendInTurn(invocation, () => {
    try {
      respond(invocation, head, body)
    } catch (thrown) {
      threw(invocation, thrown)
    }
  })
}

/** What is cancelled, or was while it waited for the host to read, is answered so. */
const respond = (invocation: Invocation, head: string, body: Uint8Array | null): void => {
  if (invocation.cancelled !== null) return fail(invocation, "CANCELLED", { message: invocation.cancelled })
  if (invocation.answered) return
  native.sendResponse(head, body, RESPONSE_TAIL)
  done(invocation)
}

/** Whether it says that the function may not: fetch from there, or make code of text. */
const wasDenied = (thrown: unknown): boolean =>
  wasRefused(thrown) || (native.segment("fetch") as unknown as typeof FetchSegment).wasDenied(thrown)

const threw = (invocation: Invocation, thrown: unknown): void => {
  if (isOutOfMemory(thrown)) return giveUp()
  let denied = false
  try {
    denied = wasDenied(thrown)
  } catch {
    // what would know it is spoilt
  }
  fail(invocation, denied ? "PERMISSION_DENIED" : "HANDLER_ERROR", describeThrown(thrown))
}

const fail = (invocation: Invocation, code: ErrorCode, error: ErrorFields): void => {
  if (invocation.answered) return
  const { cancelled, quotedId } = invocation
  const isOwn = cancelled === null || code === "OUT_OF_MEMORY"
  let line: string
  try {
    line = isOwn ? errorLine(quotedId, code, error) : errorLine(quotedId, "CANCELLED", { message: cancelled })
  } catch {
    line = bareErrorLine(quotedId, isOwn ? code : "CANCELLED")
  }
  native.send(line)
  done(invocation)
}

const done = (invocation: Invocation): void => {
  invocation.answered = true
  // what it left running has had its answer in time, or is late and has to end
  if (invocation.cancelled === null) invocation.deadline = Number.POSITIVE_INFINITY
  inFlight.delete(invocation.id)
  takeBack(invocation)
  if (inFlight.size === 0 && onIdle !== null) {
    const callback = onIdle
    onIdle = null
    callback()
  }
}
