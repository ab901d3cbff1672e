import { CaseFailure } from "../../model/Case.ts"
import type { Processes } from "../../model/Suite.ts"
import type { Transcript } from "../../model/Transcript.ts"
import { type Bundle, commandLine } from "../target/commandLine.ts"
import { LineDecoder } from "../target/LineDecoder.ts"
import { type Exit, MAX_LINE_BYTES, showExit, WorkerProcess } from "../target/WorkerProcess.ts"
import type { Message } from "./Message.ts"
import { Monitors, type Violation } from "./Monitors.ts"
import { isAboutForm, requirementsOf } from "./rules.ts"

export interface SessionOptions {
  /** As the user wrote it. */
  readonly command: string
  readonly bundle: Bundle | null
  readonly env: Readonly<Record<string, string>>
  readonly folder: string
  readonly processes: Processes
  readonly transcript: Transcript
  readonly signal: AbortSignal
  /** How long one wait may last, in milliseconds. */
  readonly patienceMs: number
  /** What is wrong counts only where it is no line or no message in form: the worker is looked at, and not tested yet. */
  readonly formOnly?: boolean
}

/** A message, in the order in which they came. */
export interface Heard {
  readonly message: Message
  /** 0 for the first message of the worker. */
  readonly index: number
}

interface Waiting {
  /** Whether this message is what it waits for. */
  readonly heard: (heard: Heard) => boolean
  readonly ended: () => void
  readonly fail: (error: Error) => void
}

const newline = Uint8Array.of(10)
const SHOWN_BYTES = 2_000

/** A worker under test: the host's end of its protocol, played by the suite, with the monitors on both directions. */
export class WorkerSession {
  readonly process: WorkerProcess
  readonly patienceMs: number
  readonly violations: Array<Violation> = []
  readonly monitors: Monitors
  /** What was captured by `$as`. */
  readonly captured = new Map<string, unknown>()
  readonly #transcript: Transcript
  readonly #signal: AbortSignal
  #heard: Array<Heard> = []
  /** Messages that no step has asked for, oldest first. */
  #open: Array<Heard> = []
  #count = 0
  #exit: Exit | null = null
  #exitSeen = false
  #waiting: Array<Waiting> = []
  #serial = 0
  #features: ReadonlyArray<string> = []
  readonly #formOnly: boolean
  readonly #sent: LineDecoder

  private constructor(options: SessionOptions) {
    const { transcript } = options
    this.patienceMs = options.patienceMs
    this.#transcript = transcript
    this.#signal = options.signal
    this.#formOnly = options.formOnly ?? false
    this.monitors = new Monitors(options.bundle !== null, (violation) => this.#violated(violation))
    this.#sent = new LineDecoder(MAX_LINE_BYTES, {
      line: (line) => this.monitors.sent(line),
      oversize: () => this.monitors.hungUp()
    })
    this.process = new WorkerProcess({
      command: commandLine(options.command, options.bundle),
      folder: options.folder,
      env: options.env,
      processes: options.processes,
      transcript,
      events: {
        line: (line) => this.#line(line),
        unbearable: (why, what) => this.#violated({ rule: why, what }),
        ended: (exit, torn) => {
          if (torn !== null) this.monitors.torn(torn)
          this.#exit = exit
          for (const { ended } of [...this.#waiting]) ended()
        }
      }
    })
  }

  /** Starts a worker; does not wait for what it says. */
  static start(options: SessionOptions): WorkerSession {
    options.signal.throwIfAborted()
    return new WorkerSession(options)
  }

  /** What `ready` announced. */
  get features(): ReadonlyArray<string> {
    return this.#features
  }

  /** Everything that it has said so far. */
  get heard(): ReadonlyArray<Heard> {
    return this.#heard
  }

  /** An id that nobody has. */
  freshId(prefix: string): string {
    this.#serial += 1
    return `${prefix}-${this.#serial}`
  }

  send(message: { readonly id: string; readonly type: string; readonly payload?: unknown }): void {
    this.sendBytes(Buffer.from(`${JSON.stringify(message)}\n`))
  }

  /** Sends bytes as they are. The monitors read along, so that they know what was asked. */
  sendBytes(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#transcript.add("suite", shownBytes(bytes))
    this.#sent.push(bytes)
    this.process.write(bytes)
  }

  /** Ends the worker's stdin. A last line without newline may be taken for a line. */
  hangUp(): void {
    this.#transcript.add("note", "its stdin is closed")
    if (this.#sent.heldBytes > 0) this.#sent.push(newline)
    this.monitors.hungUp()
    this.process.endStdin()
  }

  /**
   * Waits for the first message that nobody has asked for yet and that `accepts` takes, and takes it. Fails when it cannot come any
   * more, or has not come in time.
   */
  async take(what: string, accepts: (message: Message) => boolean): Promise<Heard> {
    const at = this.#open.findIndex(({ message }) => accepts(message))
    if (at !== -1) return this.#open.splice(at, 1)[0] as Heard
    if (this.#exit !== null) {
      this.check()
      throw this.#ended(what)
    }
    return await this.#wait<Heard>(what, (resolve, reject) => ({
      heard: (heard) => {
        if (!accepts(heard.message)) return false
        resolve(heard)
        return true
      },
      ended: () => reject(this.#ended(what)),
      fail: reject
    }))
  }

  /** Whether there is such a message that nobody has asked for. */
  has(accepts: (message: Message) => boolean): boolean {
    return this.#open.some(({ message }) => accepts(message))
  }

  /** The answer to an invocation, of whichever kind. */
  async answer(id: string): Promise<Message> {
    const { message } = await this.take(
      `an answer to ${JSON.stringify(id)}`,
      (one) => one.id === id && (one.type === "response" || one.type === "error")
    )
    return message
  }

  /** Waits for the process's end. */
  async exit(): Promise<Exit> {
    this.#exitSeen = true
    return (
      this.#exit ??
      (await this.#wait<Exit>("the worker's end", (resolve, reject) => ({
        heard: () => false,
        ended: () => resolve(this.#exit as Exit),
        fail: reject
      })))
    )
  }

  /** The first `ready`: that of a worker which has its bundle, or waits for `load`. */
  async ready(): Promise<Message> {
    const { message } = await this.take("ready", ({ type }) => type === "ready")
    return message
  }

  /** Waits until the worker has handled what was sent before: by a ping, or, where it knows none, by an invocation. */
  async settle(): Promise<void> {
    if (this.features.includes("ping")) {
      const id = this.freshId("settle")
      this.send({ id, type: "ping", payload: {} })
      await this.take("a pong", (one) => one.type === "pong" && one.id === id)
    } else {
      await this.probe()
    }
  }

  /** Sends a plain invocation, and waits for its answer, whatever that is. */
  async probe(): Promise<Message> {
    const id = this.freshId("probe")
    this.send({
      id,
      type: "invoke",
      payload: { method: "GET", path: "/", url: "/", headers: {}, query: {}, body: "", deadline_ms: 30_000 }
    })
    return await this.answer(id)
  }

  /** Throws what the monitors have seen. */
  check(): void {
    const [first] = this.violations
    if (first !== undefined) throw failureOf(first)
  }

  /** Forgets what it has said so far, for the next run of a property. */
  forget(): void {
    this.#heard = []
    this.#open = []
    this.captured.clear()
  }

  /** Kills it: it is not to end by itself. */
  async kill(): Promise<void> {
    this.#exitSeen = true
    await this.process.kill()
  }

  /**
   * The end of a case that went well: nothing unexpected may be on its way any more. Then the worker is ended by the end of its
   * stdin, and killed where it does not heed it (which has cases of its own).
   */
  async finish(): Promise<void> {
    if (this.#exit === null) {
      if (this.features.includes("ping") && !this.monitors.mayEnd) await this.settle()
      this.hangUp()
      await Promise.race([this.process.exited, timer(Math.min(1_000, this.patienceMs))])
    }
    await this.process.kill()
    this.check()
    const exit = this.#exit as Exit | null
    if (exit !== null && !this.#exitSeen && !this.monitors.mayEnd)
      throw new CaseFailure(`the worker ended by itself, ${showExit(exit)}`, {
        observed: this.process.stderr
      })
  }

  /** Waits within the session's patience, the case's time, and what the monitors let pass. */
  async #wait<A>(
    what: string,
    waitingFor: (resolve: (value: A) => void, reject: (error: Error) => void) => Waiting
  ): Promise<A> {
    this.check()
    this.#signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<A>()
    const waiting = waitingFor(resolve, reject)
    const onAbort = (): void => reject(this.#signal.reason as Error)
    const clock = setTimeout(() => {
      reject(new CaseFailure(`${what} did not come within ${this.patienceMs} ms`, { expected: what }))
    }, this.patienceMs)
    this.#signal.addEventListener("abort", onAbort, { once: true })
    this.#waiting.push(waiting)
    try {
      return await promise
    } finally {
      clearTimeout(clock)
      this.#signal.removeEventListener("abort", onAbort)
      this.#waiting = this.#waiting.filter((one) => one !== waiting)
    }
  }

  #ended(what: string): CaseFailure {
    const how = showExit(this.#exit as Exit)
    return new CaseFailure(`the worker ended ${how} before ${what} came`, {
      expected: what,
      observed: this.process.stderr
    })
  }

  #line(line: Uint8Array): void {
    this.#transcript.add("target", shownBytes(line))
    const message = this.monitors.heard(line)
    if (message === null) return
    if (message.type === "ready") {
      this.#features = (message.payload["features"] as ReadonlyArray<string> | undefined) ?? []
    }
    const heard = { message, index: this.#count }
    this.#count += 1
    this.#heard.push(heard)
    const waiting = this.#waiting.find((one) => one.heard(heard))
    if (waiting === undefined) this.#open.push(heard)
    else this.#waiting = this.#waiting.filter((one) => one !== waiting)
  }

  #violated(violation: Violation): void {
    if (this.#formOnly && !isAboutForm(violation.rule)) return
    this.violations.push(violation)
    this.#transcript.add("note", `not allowed: ${violation.what}`)
    const failure = failureOf(violation)
    for (const { fail } of this.#waiting.splice(0)) fail(failure)
  }
}

const failureOf = ({ rule, what }: Violation): CaseFailure => {
  const requirements = requirementsOf(rule)
  return new CaseFailure(what, requirements === undefined ? {} : { requirements })
}

const timer = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })

const decoder = new TextDecoder()

const shownBytes = (bytes: Uint8Array): string => {
  const text = decoder.decode(bytes.subarray(0, SHOWN_BYTES)).replace(/\n$/, "")
  return bytes.length <= SHOWN_BYTES ? text : `${text}… [${bytes.length} bytes]`
}
