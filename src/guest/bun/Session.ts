import { LineDecoder } from "../../protocol/worker/LineDecoder.ts"
import { lengthOf, part } from "../../protocol/worker/OwnBytes.ts"
import {
  type CancelPayload,
  EXIT_CODES,
  type InvokePayload,
  type LoadPayload,
  MAX_LINE_BYTES
} from "../../protocol/worker/Wire.ts"
import { type Handler, type Loaded, loadBundle } from "./Handler.ts"
import { replaceEnvironment } from "./Environment.ts"
import { cut, hardenedMap, isArray, lossyTextOf, note, parse, stringify, textOf } from "./Intrinsics.ts"
import type { Invocations } from "./Invocations.ts"
import { bareErrorLine, errorLine, pongLine, readyLine } from "./Lines.ts"
import type { Outbox } from "./Outbox.ts"
import { absolute } from "./Start.ts"

/** EX_SOFTWARE: the host broke the protocol. */
export const EXIT_PROTOCOL = EXIT_CODES.protocol
/** The bundle could not be loaded. */
export const EXIT_LOAD = EXIT_CODES.load

/** Notes about lines that are no messages: more are only counted. */
const MAX_NOTES = 100
const NOTE_CHARS = 200

type State =
  /** Waits for `load`. */
  | "empty"
  /** Invocations that come now wait until the bundle is there. */
  | "loading"
  | "ready"
  /** `shutdown` was received: what came before it is finished, nothing new is begun. */
  | "stopping"

interface Message {
  readonly id: string
  readonly type: string
  readonly payload: unknown
}

/** The guest's side of the conversation: what each of the host's messages does. */
export class Session {
  readonly #outbox: Outbox
  readonly #invocations: Invocations
  readonly #exit: (code: number) => void
  readonly #decoder: LineDecoder
  #state: State = "empty"
  /** What came while the bundle loads. */
  readonly #waiting = hardenedMap<string, InvokePayload>()
  #notes = 0

  /** `exit` ends the process at once. */
  constructor(outbox: Outbox, invocations: Invocations, exit: (code: number) => void) {
    this.#outbox = outbox
    this.#invocations = invocations
    this.#exit = exit
    this.#decoder = new LineDecoder(MAX_LINE_BYTES, {
      line: (bytes) => this.#line(bytes),
      oversize: () => {
        note(`the host sent a line of more than ${MAX_LINE_BYTES} bytes`)
        exit(EXIT_PROTOCOL)
      }
    })
  }

  /** Bytes from the host, however cut. */
  receive(chunk: Uint8Array): void {
    this.#outbox.cork()
    try {
      this.#decoder.push(chunk)
    } finally {
      this.#outbox.uncork()
    }
  }

  /** Says that a bundle can be sent. */
  await(): void {
    this.#outbox.send(readyLine())
  }

  /** A bundle is about to be loaded. */
  expect(): void {
    this.#state = "loading"
  }

  /** Loads the bundle and says `ready`, or why not, and then ends. */
  async load(path: string, name: string): Promise<void> {
    // to the function, its bundle is the program
    process.argv[1] = path
    let loaded: Loaded
    try {
      loaded = await loadBundle(path, name)
    } catch {
      // what was to tell why is spoilt itself
      this.#outbox.send(bareErrorLine('""', "BUNDLE_LOAD_ERROR"))
      this.#outbox.whenEmpty(() => this.#exit(EXIT_LOAD))
      return
    }
    if (loaded._tag === "Failed") {
      let line: string
      try {
        line = errorLine('""', loaded.code, loaded.error)
      } catch {
        line = bareErrorLine('""', loaded.code)
      }
      this.#outbox.send(line)
      this.#outbox.whenEmpty(() => this.#exit(EXIT_LOAD))
      return
    }
    this.#outbox.send(readyLine(loaded.exported))
    this.#begin(loaded.handler)
  }

  #begin(handler: Handler): void {
    this.#invocations.begin(handler)
    this.#waiting.forEach((payload, id) => this.#start(id, payload))
    this.#waiting.clear()
    if (this.#state === "stopping") this.#finish()
    else this.#state = "ready"
  }

  #line(bytes: Uint8Array): void {
    let message: Message | null = null
    try {
      const value: unknown = parse(textOf(bytes))
      if (isMessage(value)) message = value
    } catch {
      // not UTF-8 or not JSON
    }
    if (message === null) {
      if (lengthOf(bytes) > 0) this.#stray(bytes)
      return
    }
    this.#message(message)
  }

  /** Anything that is not a message is passed over, and said so a bounded number of times. */
  #stray(bytes: Uint8Array): void {
    this.#notes += 1
    if (this.#notes <= MAX_NOTES) {
      const size = lengthOf(bytes)
      note(`not a message: ${lossyTextOf(size > NOTE_CHARS ? part(bytes, 0, NOTE_CHARS) : bytes)}`)
    }
    if (this.#notes === MAX_NOTES) note("further lines that are no messages are passed over in silence")
  }

  #message({ id, type, payload }: Message): void {
    switch (type) {
      case "invoke":
        return this.#invoke(id, payload as InvokePayload)
      case "cancel":
        return this.#cancel(id, payload as CancelPayload)
      case "ping":
        return this.#outbox.send(pongLine(stringify(id)))
      case "load":
        return this.#load(id, payload as LoadPayload)
      case "shutdown":
        return this.#shutdown()
    }
  }

  #refuse(id: string, message: string): void {
    this.#outbox.send(errorLine(stringify(id), "CANCELLED", { message }))
  }

  #invoke(id: string, payload: InvokePayload): void {
    switch (this.#state) {
      case "ready":
        return this.#start(id, payload)
      case "loading":
        if (this.#waiting.has(id)) this.#isInFlight(id)
        else this.#waiting.set(id, payload)
        return
      case "empty":
        this.#outbox.send(errorLine(stringify(id), "NO_HANDLER", { message: "no bundle is loaded yet" }))
        return
      case "stopping":
        return this.#refuse(id, "the worker is shutting down")
    }
  }

  #start(id: string, payload: InvokePayload): void {
    if (typeof payload !== "object" || payload === null || isArray(payload)) {
      this.#outbox.send(
        errorLine(stringify(id), "HANDLER_ERROR", { message: "the invoke message has no payload" })
      )
    } else if (!this.#invocations.start(id, payload)) {
      this.#isInFlight(id)
    }
  }

  #isInFlight(id: string): void {
    note(`invocation ${cut(id, 0, NOTE_CHARS)} is in flight already: the second one is passed over`)
  }

  #cancel(id: string, payload: Partial<CancelPayload> | null | undefined): void {
    if (this.#waiting.delete(id)) return this.#refuse(id, "it was cancelled before it began")
    this.#invocations.cancel(id, payload?.reason)
  }

  #load(id: string, payload: Partial<LoadPayload> | null | undefined): void {
    if (this.#state !== "empty") {
      const message = "a worker loads one bundle, and this one has its own"
      this.#outbox.send(errorLine(stringify(id), "BUNDLE_LOAD_ERROR", { message }))
      return
    }
    if (typeof payload?.bundle_path !== "string") {
      this.#outbox.send(errorLine('""', "BUNDLE_LOAD_ERROR", { message: "bundle_path is not a string" }))
      this.#outbox.whenEmpty(() => this.#exit(EXIT_LOAD))
      return
    }
    this.expect()
    replaceEnvironment(process.env, payload.env)
    void this.load(absolute(payload.bundle_path), typeof payload.handler === "string" ? payload.handler : "")
  }

  #shutdown(): void {
    if (this.#state === "stopping") return
    this.#state = "stopping"
    // what waits for the bundle is in flight too: `#begin` goes on from here
    let some = false
    this.#waiting.forEach(() => (some = true))
    if (!some) this.#finish()
  }

  #finish(): void {
    this.#invocations.whenIdle(() => this.#outbox.whenEmpty(() => this.#exit(0)))
  }
}

const isMessage = (value: unknown): value is Message =>
  typeof value === "object" &&
  value !== null &&
  !isArray(value) &&
  typeof (value as Partial<Message>).type === "string" &&
  typeof (value as Partial<Message>).id === "string"
