import { AsyncLocalStorage } from "node:async_hooks"
import { writeSync } from "node:fs"
import { resolve } from "node:path"
import { answerOf, NoAnswer } from "./answer.ts"
import { type Calls, installFetch } from "./fetch.ts"
import type { Fields, Flaw, Handler, Invocation, Message, Module, Next, Settings } from "./Flaw.ts"
import { requestOf, seenOf } from "./request.ts"
import { captureOutput, type Level, setEnvironment, typeTexts } from "./surroundings.ts"
import { describe, describeLoad } from "./thrown.ts"

const LONGEST_LINE = 67_108_864
const LONGEST_BODY = 49_283_072
const LONGEST_LOG = 65_536
const MOST_NOTES = 20

const right: Settings = {
  longestLine: LONGEST_LINE,
  longestBody: LONGEST_BODY,
  longestAnswer: LONGEST_LINE,
  features: ["concurrency", "cancel", "ping", "load", "call"],
  folder: process.cwd(),
  catches: true,
  keepsPrints: true
}

const isMap = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const pause = new Int32Array(new SharedArrayBuffer(4))

/** Writes all of it, and waits for the host to take it. */
export const writeAll = (descriptor: number, data: string | Uint8Array): void => {
  const bytes = typeof data === "string" ? Buffer.from(data) : data
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at)
    } catch (error) {
      const { code } = error as { readonly code?: string }
      if (code === "EPIPE") return
      if (code !== "EAGAIN") throw error
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}

const NO_PAYLOAD = "an invocation without a payload"

/**
 * A worker of version 1.1 for functions in JavaScript, with all features but `fork`; and at each point where it hears or says
 * something, its flaws.
 */
export class Worker {
  readonly settings: Settings
  readonly inFlight = new Map<string, Invocation>()
  readonly calls: Calls = new Map()
  readonly say: Next<Message>
  readonly hear: Next<Message>
  readonly exit: Next<number>
  state: "empty" | "loading" | "loaded" = "empty"
  isReady = false
  isStopping = false
  readonly #flaws: ReadonlyArray<Flaw>
  readonly #current = new AsyncLocalStorage<Invocation>()
  readonly #original: Fields = { ...process.env }
  readonly #line: Next<Uint8Array>
  readonly #parsed: Next<unknown>
  readonly #start: Next<Invocation>
  readonly #write: Next<string | Uint8Array>
  #handler: Handler = () => undefined
  #held: Array<Uint8Array> = []
  #heldBytes = 0
  #notes = 0

  constructor(flaws: ReadonlyArray<Flaw>) {
    this.#flaws = flaws
    this.settings = Object.assign({}, right, ...flaws.map(({ settings }) => settings))
    this.exit = this.#through("exits", (code) => process.exit(code))
    this.#write = this.#through("writes", (line) => writeAll(1, line))
    this.say = this.#through("says", (message) => this.#write(`${JSON.stringify(message)}\n`))
    this.hear = this.#through("hears", (message) => this.#handle(message))
    this.#parsed = this.#through("parsed", (value) => this.#check(value))
    this.#line = this.#through("line", (line) => this.#decode(line))
    this.#start = this.#through("starts", (invocation) => void this.#run(invocation))
  }

  /** Runs until the host or the function ends it. */
  async run(bundle: string | null, handler: string): Promise<void> {
    captureOutput(this)
    typeTexts()
    installFetch(this)
    for (const event of ["uncaughtException", "unhandledRejection"]) {
      process.on(event, (thrown) => {
        if (this.settings.catches) this.log("error", `uncaught: ${describe(thrown).message}`)
        else this.exit(1)
      })
    }
    this.#setEnvironment()
    for (const { begins } of this.#flaws) begins?.(this)
    if (bundle === null) this.#ready()
    else void this.#load(bundle, handler)
    const read = this.#through("reads", (chunk) => this.#cut(chunk))
    for await (const chunk of Bun.stdin.stream()) read(chunk)
    const hangUp = this.#flaws.reduceRight(
      (next: () => void, { hangsUp }) => (hangsUp === undefined ? next : () => hangsUp(next, this)),
      () => this.exit(0)
    )
    hangUp()
  }

  log(level: Level, text: string): void {
    const bytes = Buffer.from(text)
    const kept = LONGEST_LOG - 100
    const message =
      bytes.length <= LONGEST_LOG
        ? text
        : `${bytes.subarray(0, kept).toString()}… [${bytes.length - kept} bytes more]`
    this.say({ id: this.invocationId(), type: "log", payload: { level, message } })
  }

  /** Of the invocation whose code is running; empty outside of any. */
  invocationId(): string {
    return this.#current.getStore()?.id ?? ""
  }

  /** Puts bytes on stdout as they are, past all flaws. */
  raw(data: string | Uint8Array): void {
    writeAll(1, data)
  }

  fail(id: string, code: string, message: string, more: Fields = {}): void {
    this.say({ id, type: "error", payload: { message, code, ...more } })
  }

  /** Answers an invocation; the last one ends a worker that was told to stop. */
  finish({ id }: Invocation, type: string, payload: Fields): void {
    this.inFlight.delete(id)
    this.say({ id, type, payload })
    if (this.isStopping && this.inFlight.size === 0) this.exit(0)
  }

  #through<K extends "reads" | "line" | "parsed" | "hears" | "says" | "writes" | "exits" | "starts">(
    name: K,
    last: Next<Parameters<NonNullable<Flaw[K]>>[0]>
  ): Next<Parameters<NonNullable<Flaw[K]>>[0]> {
    type Value = Parameters<NonNullable<Flaw[K]>>[0]
    return this.#flaws.reduceRight((next: Next<Value>, flaw) => {
      const hook = flaw[name] as ((value: Value, next: Next<Value>, worker: Worker) => void) | undefined
      return hook === undefined ? next : (value) => hook(value, next, this)
    }, last)
  }

  #setEnvironment(own?: unknown): void {
    setEnvironment(own)
    for (const { environment } of this.#flaws) environment?.(process.env, this.#original)
  }

  #cut(chunk: Uint8Array): void {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end))
      const line = Buffer.concat(this.#held)
      this.#held = []
      this.#heldBytes = 0
      from = end + 1
      this.#line(line)
    }
    this.#hold(chunk.subarray(from))
  }

  #hold(part: Uint8Array): void {
    this.#held.push(part)
    this.#heldBytes += part.length
    if (this.#heldBytes > this.settings.longestLine) this.exit(70)
  }

  #decode(line: Uint8Array): void {
    if (line.length === 0) return
    let value: unknown
    try {
      const decodes = this.#flaws.find((flaw) => flaw.decodes !== undefined)?.decodes
      const text =
        decodes === undefined
          ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(line)
          : decodes(line)
      if (text === null) return
      value = JSON.parse(text)
    } catch {
      this.#note("a line that is no JSON")
      return
    }
    this.#parsed(value)
  }

  #check(value: unknown): void {
    if (!isMap(value) || typeof value["id"] !== "string" || typeof value["type"] !== "string")
      this.#note("a line that is no message")
    else this.hear(value as unknown as Message)
  }

  #note(what: string): void {
    this.#notes += 1
    if (this.#notes <= MOST_NOTES) writeAll(2, `passed over: ${what}\n`)
  }

  #handle({ id, payload: held, type }: Message): void {
    const payload = isMap(held) ? held : {}
    switch (type) {
      case "invoke":
        return this.#invoke(id, held)
      case "cancel":
        return this.#cancel(id, payload)
      case "ping":
        return this.say({ id, type: "pong", payload: {} })
      case "load":
        return this.#takeLoad(id, payload)
      case "result": {
        const callId = String(payload["call_id"])
        const settle = this.calls.get(callId)
        this.calls.delete(callId)
        return settle?.(payload)
      }
      case "shutdown":
        this.isStopping = true
        if (this.inFlight.size === 0) this.exit(0)
    }
  }

  #invoke(id: string, payload: unknown): void {
    if (this.inFlight.has(id)) return
    if (this.state === "empty") return this.fail(id, "NO_HANDLER", "no bundle is loaded yet")
    if (this.isStopping) return this.fail(id, "CANCELLED", "the worker is stopping")
    if (!isMap(payload)) return this.fail(id, "HANDLER_ERROR", NO_PAYLOAD)
    const controller = new AbortController()
    const invocation: Invocation = { id, payload, controller, cancelled: false, begun: false }
    this.inFlight.set(id, invocation)
    if (this.state === "loaded") this.#begin(invocation)
  }

  #begin(invocation: Invocation): void {
    invocation.begun = true
    this.#start(invocation)
  }

  #cancel(id: string, { reason }: Fields): void {
    const invocation = this.inFlight.get(id)
    if (invocation === undefined || invocation.cancelled) return
    invocation.cancelled = true
    const message = reason === "deadline" ? "its time is over" : "the caller went away"
    const abort = () => invocation.controller.abort(new DOMException(message, "AbortError"))
    if (invocation.begun) this.#current.run(invocation, abort)
    else this.finish(invocation, "error", { message, code: "CANCELLED" })
  }

  /** Runs an invocation in its own context, and answers it. */
  async #run(invocation: Invocation): Promise<void> {
    const [type, payload] = await this.#current.run(invocation, () => this.#outcome(invocation))
    if (invocation.cancelled)
      this.finish(invocation, "error", { message: "it was cancelled", code: "CANCELLED" })
    else this.finish(invocation, type, payload)
  }

  async #outcome(invocation: Invocation): Promise<readonly ["response" | "error", Fields]> {
    const failed = (code: string, message: string, more: Fields = {}) =>
      ["error", { message, code, ...more }] as const
    try {
      const seen = this.#flaws.reduce((one, { shows }) => shows?.(one, invocation) ?? one, seenOf(invocation))
      const given = await this.#handler(requestOf(seen, invocation.controller.signal))
      const value = this.#flaws.reduce((one, { gives }) => (gives === undefined ? one : gives(one)), given)
      const answer = this.#flaws.reduce((one, { answers }) => answers?.(one) ?? one, await answerOf(value))
      const { body, headers, status } = answer
      const size = 1.34 * body.length + 1.5 * JSON.stringify(headers).length
      if (body.length > this.settings.longestBody || size > this.settings.longestAnswer)
        return failed(
          "RESPONSE_TOO_LARGE",
          `an answer of ${body.length} bytes and its headers fit in no line`
        )
      return ["response", { status, headers, body: Buffer.from(body).toString("base64") }]
    } catch (thrown) {
      const { message, stack } = describe(thrown)
      if (isIt(() => thrown instanceof NoAnswer)) return failed("INVALID_RESPONSE", message)
      const code = isRefusal(thrown) ? "PERMISSION_DENIED" : "HANDLER_ERROR"
      return failed(code, message, stack === undefined ? {} : { stack })
    }
  }

  #takeLoad(id: string, { bundle_path: path, env, handler }: Fields): void {
    if (this.state !== "empty")
      return this.fail(id, "BUNDLE_LOAD_ERROR", "a worker loads one bundle, and this one has its own")
    this.#setEnvironment(env ?? {})
    void this.#load(typeof path === "string" ? path : "", typeof handler === "string" ? handler : "")
  }

  async #load(given: string, name: string): Promise<void> {
    this.state = "loading"
    const path = resolve(
      this.settings.folder,
      this.#flaws.reduce((one, { bundle }) => bundle?.(one) ?? one, given)
    )
    let module: Module
    try {
      if (given === "") throw new Error("no bundle is named")
      module = (await import(path)) as Module
    } catch (thrown) {
      const { message, ...place } = describeLoad(thrown, path)
      this.fail("", "BUNDLE_LOAD_ERROR", message, place)
      return this.exit(1)
    }
    const choose = this.#flaws.find(({ chooses }) => chooses !== undefined)?.chooses ?? handlerOf
    const chosen = choose(module, name)
    if (chosen === undefined) {
      this.fail("", "NO_HANDLER", "the bundle has no handler")
      return this.exit(1)
    }
    this.#handler = chosen[0]
    this.#ready(chosen[1])
    this.state = "loaded"
    for (const invocation of this.inFlight.values()) this.#begin(invocation)
  }

  #ready(handler?: string): void {
    this.say({
      id: "",
      type: "ready",
      payload: {
        protocol: "1.1",
        runtime: "broken",
        runtime_version: "1",
        features: this.settings.features,
        ...(handler === undefined ? {} : { handler })
      }
    })
    this.isReady = true
  }
}

/** What was thrown may be anything, also something that throws when it is looked at. */
const isIt = (look: () => boolean): boolean => {
  try {
    return look()
  } catch {
    return false
  }
}

const isRefusal = (thrown: unknown): boolean =>
  isIt(() => (thrown as { readonly code?: unknown }).code === "PERMISSION_DENIED")

/** A function, or an object with `fetch`. */
export const asHandler = (value: unknown): Handler | undefined => {
  if (typeof value === "function") return (request) => value(request)
  if (typeof value !== "object" || value === null) return undefined
  const { fetch } = value as Fields
  return typeof fetch === "function" ? (request) => fetch.call(value, request) : undefined
}

/** The default export, or else the one of this name. */
const handlerOf = (module: Module, name: string): readonly [Handler, string] | undefined => {
  const first = asHandler(module["default"])
  if (first !== undefined)
    return [first, name !== "" && module[name] === module["default"] ? name : "default"]
  const named = name === "" ? undefined : asHandler(module[name])
  return named === undefined ? undefined : [named, name]
}
