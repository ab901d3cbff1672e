import { fileURLToPath } from "node:url"
import { beforeEach, onTestFinished } from "vitest"
import { GUEST_FLAGS } from "../../src/guest/bun/flags.ts"
import { decodeWorkerMessage } from "../../src/protocol/worker/decodeWorkerMessage.ts"
import { LineDecoder } from "../../src/protocol/worker/LineDecoder.ts"
import type {
  ErrorPayload,
  HostMessage,
  LogPayload,
  ResponsePayload,
  WorkerMessage
} from "../../src/protocol/worker/Wire.ts"
import { isCi, nativeProgram, needNativeProgram, runsNative } from "./NativeProgram.ts"
import { patience } from "./patience.ts"

export { nativeProgram }

/** The guest's program, as a host runs it. */
export const guestProgram = fileURLToPath(new URL("../../src/guest/bun/main.ts", import.meta.url))

export type GuestRuntime = "bun" | "quickjs-ng"

/**
 * The runtimes that a table of cases is run on. Where the native worker could not be built, one line says so; in CI its cases
 * fail. Where QUICKJS_WORKER names a build of it, the cases are about that one alone.
 */
export const guestRuntimes: ReadonlyArray<GuestRuntime> = [
  ...(process.env["QUICKJS_WORKER"] === undefined ? (["bun"] as const) : []),
  ...(runsNative(isCi()) ? (["quickjs-ng"] as const) : [])
]

/** How a host starts a guest of a runtime; its options follow. */
export const guestCommand = (runtime: GuestRuntime, program?: string): ReadonlyArray<string> =>
  runtime === "bun" ? [process.execPath, ...GUEST_FLAGS, program ?? guestProgram] : [program ?? nativeProgram]

let current: GuestRuntime = "bun"

/** Makes a runtime the one that the guests of this suite are started with. */
export const useRuntime = (runtime: GuestRuntime): void => {
  beforeEach(() => {
    current = runtime
    return () => {
      current = "bun"
    }
  })
}

/** A function file of `fixtures/functions`, by its name there: `valid/echo.js`. */
export const functionFixture = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/functions/${name}`, import.meta.url))

export interface GuestOptions {
  /** The bundle's path; without it the guest waits for `load`. */
  readonly bundle?: string
  readonly handler?: string
  /**
   * `descriptor`: a socket pair on descriptor 3. `stdio`: stdin and stdout, which are sockets. `pipes`: stdin and stdout,
   * which are real pipes (with a `cat` at either end).
   */
  readonly transport?: "descriptor" | "stdio" | "pipes"
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly program?: string
  readonly runtime?: GuestRuntime
}

/** How an invocation was answered. */
export type Answer =
  | {
      readonly type: "response"
      readonly payload: ResponsePayload
      readonly body: Buffer
      readonly text: string
    }
  | { readonly type: "error"; readonly payload: ErrorPayload }

export interface Call {
  readonly id?: string
  readonly method?: string
  readonly path?: string
  readonly url?: string
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** 30,000 where it is not given (times `patience()`). */
  readonly deadlineMs?: number
}

type Predicate = (message: WorkerMessage) => boolean

interface Waiting {
  readonly accepts: Predicate
  readonly found: (message: WorkerMessage) => void
  readonly lost: (error: Error) => void
}

/**
 * A real guest process with a host's end of the protocol. Everything that it says is decoded with the host's own decoder;
 * what breaks the protocol (a stray line, a malformed message, a second answer) ends up in `violations`.
 */
export class GuestProcess {
  readonly messages: Array<WorkerMessage> = []
  readonly violations: Array<string> = []
  readonly child: Bun.Subprocess
  #waiting: Array<Waiting> = []
  readonly #inFlight = new Set<string>()
  readonly #decoder: LineDecoder
  #write: (bytes: Uint8Array) => void = () => {}
  #close: () => void = () => {}
  #serial = 0
  #stdout = ""
  #stderr = ""
  #drained: Promise<unknown> = Promise.resolve()
  #over = false

  private constructor(child: Bun.Subprocess) {
    this.child = child
    this.#decoder = new LineDecoder(64 * 1024 * 1024, {
      line: (bytes) => this.#line(bytes),
      oversize: () => this.violations.push("an oversize line")
    })
  }

  /** Starts a guest; it is killed when the test is over. */
  static async start(options: GuestOptions = {}): Promise<GuestProcess> {
    const transport = options.transport ?? "descriptor"
    if ((options.runtime ?? current) === "quickjs-ng" && options.program === undefined) needNativeProgram()
    const command = [
      ...guestCommand(options.runtime ?? current, options.program),
      ...(options.bundle === undefined ? [] : ["--bundle", options.bundle]),
      ...(options.handler === undefined ? [] : ["--handler", options.handler])
    ]
    const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", ...options.env }
    const cwd = options.cwd ?? process.cwd()
    const guest =
      transport === "descriptor"
        ? await GuestProcess.#overDescriptor(command, env, cwd)
        : await GuestProcess.#overStdio(transport === "pipes" ? throughPipes(command) : command, env, cwd)
    onTestFinished(() => guest.kill())
    return guest
  }

  /** Like `start`, and waits until it is ready. */
  static async ready(options: GuestOptions = {}): Promise<GuestProcess> {
    const guest = await GuestProcess.start(options)
    await guest.next((message) => message.type === "ready")
    return guest
  }

  static async #overDescriptor(
    command: Array<string>,
    env: Record<string, string>,
    cwd: string
  ): Promise<GuestProcess> {
    const child = Bun.spawn(command, {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...env, BUNBASE_PROTOCOL_FD: "3", BUNBASE_HOST_PID: String(process.pid) },
      cwd
    })
    const guest = new GuestProcess(child)
    let pending = Buffer.alloc(0)
    let closed!: () => void
    const allRead = new Promise<void>((resolve) => {
      closed = resolve
    })
    const send = (): void => {
      if (pending.length > 0) pending = pending.subarray(Math.max(0, socket.write(pending)))
    }
    const connect: Bun.FdSocketOptions = {
      fd: child.stdio[3] as number,
      socket: {
        data: (_socket, chunk) => guest.#decoder.push(chunk),
        drain: send,
        close: closed,
        error: closed
      }
    }
    const socket = await Bun.connect(connect as Bun.FdSocketOptions & Bun.UnixSocketOptions)
    guest.#write = (bytes) => {
      pending = Buffer.concat([pending, bytes])
      send()
    }
    guest.#close = () => {
      socket.end()
    }
    guest.#watch([guest.#collect(child.stdout, "stdout"), guest.#collect(child.stderr, "stderr"), allRead])
    return guest
  }

  static async #overStdio(
    command: Array<string>,
    env: Record<string, string>,
    cwd: string
  ): Promise<GuestProcess> {
    const child = Bun.spawn(command, { stdio: ["pipe", "pipe", "pipe"], env, cwd })
    const guest = new GuestProcess(child)
    const read = async (): Promise<void> => {
      for await (const chunk of child.stdout) guest.#decoder.push(chunk)
    }
    guest.#write = (bytes) => {
      child.stdin.write(bytes)
      void child.stdin.flush()
    }
    guest.#close = () => {
      void child.stdin.end()
    }
    guest.#watch([read(), guest.#collect(child.stderr, "stderr")])
    return guest
  }

  /** What the process printed beside the protocol. Whole once it has exited. */
  get stdout(): string {
    return this.#stdout
  }
  get stderr(): string {
    return this.#stderr
  }

  /** Exit code once the process has ended and all that it said was read; a signal's name when one ended it. */
  async exit(): Promise<number | string> {
    await this.child.exited
    await this.#drained
    return this.child.signalCode ?? (this.child.exitCode as number)
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL")
    this.#close()
    await this.child.exited
  }

  /** Closes the host's end, as a host that is gone. */
  hangUp(): void {
    this.#close()
  }

  send(
    message: HostMessage | { readonly id: string; readonly type: string; readonly payload?: unknown }
  ): void {
    if (message.type === "invoke") this.#inFlight.add(message.id)
    this.sendRaw(`${JSON.stringify(message)}\n`)
  }

  sendRaw(bytes: string | Uint8Array): void {
    this.#write(typeof bytes === "string" ? Buffer.from(bytes) : bytes)
  }

  /** Notes that an invocation is in flight that was sent raw. */
  expect(id: string): void {
    this.#inFlight.add(id)
  }

  /** The first message, of those that came already and of those to come, that the predicate takes. */
  next(accepts: Predicate): Promise<WorkerMessage> {
    const there = this.messages.find(accepts)
    if (there !== undefined) return Promise.resolve(there)
    return new Promise((found, lost) => {
      if (this.#over) lost(this.#end())
      else this.#waiting.push({ accepts, found, lost })
    })
  }

  /** Sends an invocation and does not wait; returns its id. */
  begin(call: Call = {}): string {
    const id = call.id ?? `call-${(this.#serial += 1)}`
    const url = call.url ?? call.path ?? "/"
    this.send({
      id,
      type: "invoke",
      payload: {
        method: call.method ?? "GET",
        path: call.path ?? (url.split("?")[0] as string),
        url,
        headers: call.headers ?? {},
        query: call.query ?? {},
        body: call.body === undefined ? "" : Buffer.from(call.body).toString("base64"),
        deadline_ms: call.deadlineMs ?? 30_000 * patience()
      }
    })
    return id
  }

  /** The answer to an invocation. */
  async answer(id: string): Promise<Answer> {
    const message = await this.next(
      (one) => one.id === id && (one.type === "response" || one.type === "error")
    )
    if (message.type === "error") return { type: "error", payload: message.payload }
    const { payload } = message as Extract<WorkerMessage, { readonly type: "response" }>
    const body = Buffer.from(payload.body, "base64")
    return { type: "response", payload, body, text: body.toString() }
  }

  /** Sends an invocation and waits for its answer. */
  invoke(call: Call = {}): Promise<Answer> {
    return this.answer(this.begin(call))
  }

  /** Sends an invocation that has to be answered by a response. */
  async response(
    call: Call = {}
  ): Promise<ResponsePayload & { readonly bytes: Buffer; readonly text: string }> {
    const answer = await this.invoke(call)
    if (answer.type === "error") throw new Error(`answered by an error: ${JSON.stringify(answer.payload)}`)
    return { ...answer.payload, bytes: answer.body, text: answer.text }
  }

  /** Sends an invocation that has to be answered by an error. */
  async failure(call: Call = {}): Promise<ErrorPayload> {
    const answer = await this.invoke(call)
    if (answer.type === "response") throw new Error(`answered by ${answer.payload.status}: ${answer.text}`)
    return answer.payload
  }

  /** Waits until the guest has handled everything that was sent before. */
  async settled(): Promise<void> {
    const id = `ping-${(this.#serial += 1)}`
    this.send({ id, type: "ping", payload: {} })
    await this.next((message) => message.type === "pong" && message.id === id)
  }

  /** The log messages of an invocation (`""`: of the worker itself), in order. */
  logs(id: string): ReadonlyArray<LogPayload> {
    return this.messages.flatMap((message) =>
      message.type === "log" && message.id === id ? [message.payload] : []
    )
  }

  /** Waits for a log message that contains the text. */
  async logged(text: string): Promise<{ readonly id: string; readonly payload: LogPayload }> {
    const found = await this.next(
      (message) => message.type === "log" && message.payload.message.includes(text)
    )
    return found as Extract<WorkerMessage, { readonly type: "log" }>
  }

  async #collect(stream: ReadableStream<Uint8Array>, name: "stdout" | "stderr"): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true })
      if (name === "stdout") this.#stdout += text
      else this.#stderr += text
    }
  }

  #watch(streams: ReadonlyArray<Promise<unknown>>): void {
    this.#drained = Promise.allSettled(streams)
    void this.exit().then(() => {
      this.#over = true
      const waiting = this.#waiting
      this.#waiting = []
      for (const { lost } of waiting) lost(this.#end())
    })
  }

  #end(): Error {
    const how = this.child.signalCode ?? `code ${this.child.exitCode}`
    return new Error(
      `the guest ended (${how}) before it said what was waited for\n${this.#stderr.slice(-2_000)}`
    )
  }

  #line(bytes: Uint8Array): void {
    const decoded = decodeWorkerMessage(bytes)
    if (decoded._tag !== "message") {
      this.violations.push(`${decoded._tag}: ${Buffer.from(bytes).toString().slice(0, 200)}`)
      return
    }
    const { message } = decoded
    const answers = message.type === "response" || (message.type === "error" && message.id !== "")
    if (answers && !this.#inFlight.delete(message.id))
      this.violations.push(`a second answer to ${message.id}`)
    this.messages.push(message)
    const still: Array<Waiting> = []
    for (const one of this.#waiting) {
      if (one.accepts(message)) one.found(message)
      else still.push(one)
    }
    this.#waiting = still
  }
}

// Bun's own pipes are sockets; with a process on either side, the guest has real ones.
const throughPipes = (command: ReadonlyArray<string>): Array<string> => [
  "/bin/bash",
  // with a socket for its stdin, it takes itself for a remote shell and would read the user's file
  "--norc",
  "-c",
  // not as the guest's own children: it takes those with it when it ends
  '"$@" < <(cat) | cat; exit "${PIPESTATUS[0]}"',
  "guest",
  ...command
]
