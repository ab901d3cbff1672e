import type { Invocation } from "../domain/Invocation.ts"
import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import { decodeWorkerMessage } from "../protocol/worker/decodeWorkerMessage.ts"
import { LineDecoder } from "../protocol/worker/LineDecoder.ts"
import {
  type CallPayload,
  type CancelPayload,
  type ErrorPayload,
  type HostMessage,
  type LoadPayload,
  type LogPayload,
  MAX_LINE_BYTES,
  type ReadyPayload,
  type ResponsePayload,
  type ResultPayload,
  type WorkerMessage
} from "../protocol/worker/Wire.ts"
import type { WorkerAnswer, WorkerFault } from "./WorkerAnswer.ts"
import { type LineAccount, WorkerLines } from "./WorkerLines.ts"

/** The way to the worker. Writes are taken whole and in order; what the worker does not read yet is kept by the transport. */
export interface Transport {
  readonly write: (line: string) => void
  /** Like `write`, but it may leave at the end of this turn of the event loop, together with others. */
  readonly gather: (line: string) => void
}

/** What a session tells its owner. */
export interface SessionEvents {
  /** It had nothing to do, and was given something. */
  readonly began?: () => void
  /** After `load`: the process runs, and loads the bundle. `ready` follows once it is loaded. */
  readonly booted?: (payload: ReadyPayload) => void
  readonly ready: (payload: ReadyPayload) => void
  /** The bundle could not be loaded; the worker is of no use. */
  readonly loadFailed: (error: ErrorPayload) => void
  /** `invocationId` is null for what was said outside of any invocation. */
  readonly log: (payload: LogPayload, invocationId: string | null) => void
  /**
   * The worker asks its host for something, in the name of the invocation with this wire id; empty where that is none that
   * is in flight. `budgetMs` is what is left of the invocation's time.
   */
  readonly call?: (id: string, payload: CallPayload, budgetMs: number) => void
  /** The invocation with this wire id is given up: nothing is to be done for it any more. */
  readonly givenUp?: (id: string) => void
  /** Something that is not a message appeared on the protocol (bounded: at most 64 Ki characters a line, 100 lines a session, and at the end how many were cut). */
  readonly stray: (text: string) => void
  /** The protocol was broken; everything in flight was settled as lost, and nothing more will be said. */
  readonly faulted: (fault: WorkerFault) => void
}

/** Called exactly once per invocation; `linesCut` says how many of its log lines were not passed on until then. */
export type Settle = (answer: WorkerAnswer, linesCut: number) => void

interface InFlight {
  readonly deadlineAt: number
  readonly settle: Settle
  readonly account: LineAccount
}

/**
 * How far the worker is.
 * - `starting`: it loads by itself; its one `ready` says that it is done.
 * - `booting`: it was sent `load`, and its first `ready`, that the process runs, has not come.
 * - `loading`: its next `ready` says that the bundle is loaded.
 * - `open`: it is ready, or has said why it never will be; another `ready` is a fault.
 */
type SessionPhase = "starting" | "booting" | "loading" | "open"

/** RFC 4648 with its padding: what is nearly base64 is a worker's mistake, which would else be decoded into other bytes. */
const STRICT_BASE64 = { lastChunkHandling: "strict" } as const
/** What a call gets that no invocation makes: the bundle at its top level, or what goes on after an answer. */
const OUTSIDE_CALL_MS = 30_000
const STRAY_LINES = 100
const STRAY_CHARS = 64 * 1024

/**
 * One worker's side of the conversation: the table of what is in flight, and the rules about who may say what (the worker
 * protocol, 1.0 and 1.1). It knows no process: bytes come in by `receive`, lines go out by the transport.
 *
 * Every invocation handed to it is settled exactly once: by an answer, or as lost.
 */
export class WorkerSession {
  readonly #transport: Transport
  readonly #events: SessionEvents
  readonly #decoder: LineDecoder
  readonly #lines: WorkerLines
  readonly #inFlight = new Map<string, InFlight>()
  #pings = new Map<string, () => void>()
  #serial = 0
  #strays = 0
  #phase: SessionPhase = "starting"
  #dead: WorkerFault | null = null
  features: ReadonlySet<string> = new Set()

  constructor(
    transport: Transport,
    events: SessionEvents,
    clock: MonotonicClock["Type"],
    limitBytes: number = MAX_LINE_BYTES
  ) {
    this.#transport = transport
    this.#events = events
    this.#lines = new WorkerLines(clock, events.log)
    this.#decoder = new LineDecoder(limitBytes, {
      line: (bytes) => this.#line(bytes),
      oversize: () => this.fail({ kind: "protocol", reason: `sent a line of more than ${limitBytes} bytes` })
    })
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  /** Why the worker is lost, or null. */
  get lost(): WorkerFault | null {
    return this.#dead
  }

  /** Bytes from the worker, however cut. */
  receive(chunk: Uint8Array): void {
    if (this.#dead === null) this.#decoder.push(chunk)
  }

  /**
   * Hands an invocation over. `budgetMs` is what is left of its time. `settle` is called exactly once; the answer is a wire
   * id with which it can be cancelled.
   */
  invoke(invocation: Invocation, budgetMs: number, settle: Settle): string {
    // Ids come from callers: two invocations may bear the same one, but not on this wire at the same time.
    let id = invocation.id
    while (this.#inFlight.has(id)) id = `${invocation.id}~${(this.#serial += 1)}`
    if (this.#dead !== null) {
      settle({ _tag: "Lost", fault: this.#dead }, 0)
      return id
    }
    const deadlineAt = performance.now() + budgetMs
    const account = { invocationId: invocation.id, lines: 0, bytes: 0, cut: 0 }
    this.#inFlight.set(id, { deadlineAt, settle, account })
    const line = encodeInvoke(id, invocation, budgetMs)
    // One that waits gets it now; one that has something to do gets what comes in one turn in one piece.
    if (this.#inFlight.size === 1) {
      this.#transport.write(line)
      this.#events.began?.()
    } else this.#transport.gather(line)
    return id
  }

  /** Asks the worker to give an invocation up; it still answers. Workers without the feature are not bothered. */
  cancel(id: string, reason: CancelPayload["reason"]): void {
    if (this.#dead !== null || !this.#inFlight.has(id)) return
    this.#events.givenUp?.(id)
    if (!this.features.has("cancel")) return
    this.#send({ id, type: "cancel", payload: { reason } })
  }

  /** Calls `pong` when the worker's event loop answers; never, if it does not. Needs the feature `ping`. */
  ping(pong: () => void): void {
    if (this.#dead !== null || !this.features.has("ping")) return
    const id = `ping-${(this.#serial += 1)}`
    this.#pings.set(id, pong)
    this.#send({ id, type: "ping", payload: {} })
  }

  /** Has a worker that was started without a bundle load one. It need not have said `ready` yet. Once, and first. */
  load(payload: LoadPayload): void {
    if (this.#phase !== "starting") throw new Error("a worker loads one bundle, before anything else")
    this.#phase = "booting"
    if (this.#dead === null) this.#send({ id: "", type: "load", payload })
  }

  /** The result of a call that the worker made. */
  result(id: string, payload: ResultPayload): void {
    if (this.#dead === null) this.#send({ id, type: "result", payload })
  }

  /** Asks the worker to finish what it has and end. */
  shutdown(): void {
    if (this.#dead === null) this.#send({ id: "", type: "shutdown", payload: {} })
  }

  /** The worker is lost (its process ended, or it broke the protocol): settles everything in flight. Only the first counts. */
  fail(fault: WorkerFault): void {
    if (this.#dead !== null) return
    this.#dead = fault
    this.#pings.clear()
    const lost = [...this.#inFlight.values()]
    this.#inFlight.clear()
    const strays = this.#strays - STRAY_LINES
    if (strays > 0) this.#events.stray(`${strays} further lines that are no messages were cut`)
    if (fault.kind === "protocol") this.#events.faulted(fault)
    this.#lines.close()
    for (const { account, settle } of lost) settle({ _tag: "Lost", fault }, account.cut)
  }

  #send(message: HostMessage): void {
    this.#transport.write(`${JSON.stringify(message)}\n`)
  }

  #line(bytes: Uint8Array): void {
    if (this.#dead !== null) return
    const decoded = decodeWorkerMessage(bytes)
    switch (decoded._tag) {
      case "message":
        return this.#message(decoded.message, bytes.length)
      case "ignored":
        return
      case "invalid":
        return this.fail({
          kind: "protocol",
          reason: `sent a malformed ${decoded.type} message: ${decoded.reason}`
        })
      case "stray":
        if (decoded.text.trim() === "") return
        this.#strays += 1
        if (this.#strays <= STRAY_LINES) this.#events.stray(decoded.text.slice(0, STRAY_CHARS))
        return
    }
  }

  #message(message: WorkerMessage, lineBytes: number): void {
    switch (message.type) {
      case "response":
        return this.#response(message.id, message.payload)
      case "error":
        if (message.id === "" && this.#phase !== "open") {
          this.#phase = "open"
          return this.#events.loadFailed(message.payload)
        }
        return this.#settle(message.id, { _tag: "Error", payload: message.payload })
      case "log":
        return this.#log(message.id, message.payload, lineBytes)
      case "ready":
        return this.#ready(message.payload)
      case "call": {
        const entry = this.#inFlight.get(message.id)
        const budgetMs = entry === undefined ? OUTSIDE_CALL_MS : entry.deadlineAt - performance.now()
        return this.#events.call?.(entry === undefined ? "" : message.id, message.payload, budgetMs)
      }
      case "pong": {
        const pong = this.#pings.get(message.id)
        this.#pings.delete(message.id)
        return pong?.()
      }
    }
  }

  #response(id: string, payload: ResponsePayload): void {
    let body: Uint8Array
    try {
      body = Uint8Array.fromBase64(payload.body, STRICT_BASE64)
    } catch {
      return this.fail({
        kind: "protocol",
        reason: "sent a malformed response message: its body is not base64"
      })
    }
    this.#settle(id, { _tag: "Response", payload, body })
  }

  #ready(payload: ReadyPayload): void {
    const features = new Set(payload.protocol === undefined ? [] : payload.features)
    switch (this.#phase) {
      case "open":
        return this.fail({ kind: "protocol", reason: "sent ready twice" })
      case "booting":
        if (!features.has("load"))
          return this.fail({ kind: "protocol", reason: "was sent a bundle to load, and cannot load one" })
        this.#phase = "loading"
        this.features = features
        return this.#events.booted?.(payload)
      case "starting":
      case "loading":
        this.#phase = "open"
        this.features = features
        return this.#events.ready(payload)
    }
  }

  #settle(id: string, answer: WorkerAnswer): void {
    const entry = this.#inFlight.get(id)
    if (entry === undefined) {
      return this.fail({
        kind: "protocol",
        reason: "answered an id that was not asked, or answered it twice"
      })
    }
    const { account, settle } = entry
    const linesCut = account.cut
    this.#inFlight.delete(id)
    this.#lines.answered(id, account)
    settle(answer, linesCut)
  }

  #log(id: string, payload: LogPayload, lineBytes: number): void {
    const entry = this.#inFlight.get(id)
    if (entry === undefined) this.#lines.other(id, payload, lineBytes)
    else this.#lines.current(entry.account, payload, lineBytes)
  }
}

/** The query as a map, for 1.0 workers; of a repeated key the last value. `url` has the whole. */
const queryOf = (url: string): Record<string, string> => {
  const at = url.indexOf("?")
  return at === -1 ? {} : Object.fromEntries(new URLSearchParams(url.slice(at + 1)))
}

const encodeInvoke = (id: string, invocation: Invocation, budgetMs: number): string => {
  const { body, trace } = invocation
  const head = `{"id":${JSON.stringify(id)},"type":"invoke","payload":{"method":${JSON.stringify(invocation.method)},"path":${JSON.stringify(invocation.path)},"url":${JSON.stringify(invocation.url)},"headers":${JSON.stringify(invocation.headers)},"query":${JSON.stringify(queryOf(invocation.url))},"deadline_ms":${Math.max(0, Math.round(budgetMs))}`
  const traced = trace === undefined ? head : `${head},"trace":${JSON.stringify(trace)}`
  // Base64 needs no escaping: put in as it is, a body of 10 MB is not walked through again.
  const encoded =
    body === null || body.length === 0
      ? ""
      : Buffer.from(body.buffer, body.byteOffset, body.length).toString("base64")
  return `${traced},"body":"${encoded}"}}\n`
}
