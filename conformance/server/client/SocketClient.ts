import { connect, type Socket } from "node:net"
import { CaseFailure } from "../../model/Case.ts"
import type { Transcript } from "../../model/Transcript.ts"
import { encodeFrame, type FrameParts, FrameFault, FrameReader } from "./Frames.ts"

export const Command = {
  INVOKE: 0x01,
  REGISTER_FUNCTION: 0x04,
  DEPLOY_FUNCTION: 0x05,
  GET_FUNCTION_VERSIONS: 0x06,
  DELETE_FUNCTION: 0x08,
  DELETE_VERSION: 0x09,
  ROLLBACK_FUNCTION: 0x0a,
  LIST_FUNCTIONS: 0x0e,
  GET_FUNCTION: 0x0f,
  PING: 0x11,
  RESET_FUNCTION: 0x12
} as const
export type CommandName = keyof typeof Command

export const Status = { OK: 0, ERROR: 1, NOT_FOUND: 2 } as const
const NAMES = ["OK", "ERROR", "NOT_FOUND"]

/** One answer. */
export interface Answer {
  readonly id: bigint
  readonly status: "OK" | "ERROR" | "NOT_FOUND"
  readonly payload: Readonly<Record<string, unknown>>
  /** The document in an error's `problem`, else null. */
  readonly problem: Readonly<Record<string, unknown>> | null
  /** When it was there, by `performance.now()`. */
  readonly at: number
}

/** The connection is at its end, and what was waited for has not come. */
export class ConnectionEnded extends CaseFailure {}

const closedAtOnce = "the socket was closed before it was connected"

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** An answer in form; throws what is violated where it is none. Every answer of every case goes through this. */
export const readAnswer = (code: number, id: bigint, bytes: Uint8Array): Answer => {
  const status = NAMES[code] as Answer["status"] | undefined
  if (status === undefined) {
    throw new CaseFailure("an answer has another status than OK, ERROR and NOT_FOUND", {
      expected: NAMES,
      observed: code,
      requirements: ["SP-015"]
    })
  }
  let payload: unknown
  try {
    payload = parsed(strict.decode(bytes))
  } catch {
    payload = undefined
  }
  if (!isRecord(payload)) {
    throw new CaseFailure("an answer's payload is no JSON object in UTF-8", {
      observed: bytes.subarray(0, 200),
      requirements: ["SP-016"]
    })
  }
  const at = performance.now()
  if (status === "OK") {
    checkInvokeAnswer(payload)
    return { id, status, payload, problem: null, at }
  }
  const { code: fnCode, error, problem } = payload
  const wrong = Object.entries(payload).find(([, value]) => typeof value !== "string")
  if (wrong !== undefined)
    throw badError(`the member ${wrong[0]} of an error is no string`, payload, "SP-042")
  if (typeof error !== "string" || error === "" || !/^FN_00[1-9]$/.test(String(fnCode))) {
    throw badError("an error has no `error` and `code`", payload, "SP-043")
  }
  const document = parsed(String(problem))
  if (!isRecord(document)) throw badError("an error's `problem` is no JSON object", payload, "SP-044")
  if ((status === "NOT_FOUND") !== (fnCode === "FN_001")) {
    throw badError(`${String(fnCode)} has the status ${status}`, payload, "SP-041")
  }
  return { id, status, payload, problem: document, at }
}

/** What every answer of an invocation has to be, whoever asked for what. */
const checkInvokeAnswer = (payload: Readonly<Record<string, unknown>>): void => {
  const { execution_time_ms: time, headers, success } = payload
  if (success !== true) return
  if (!Number.isInteger(time)) throw badError("execution_time_ms is no whole number", payload, "SP-075")
  if (!isRecord(headers) || Object.values(headers).some((value) => typeof value !== "string")) {
    throw badError("headers has a value that is no string", payload, "SP-070")
  }
}

const badError = (words: string, observed: unknown, requirement: string) =>
  new CaseFailure(words, { observed, requirements: [requirement] })

interface Waiter {
  readonly fits: (answer: Answer) => boolean
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/** A client of the socket that can also misbehave. Everything that it waits for ends with the case's signal. */
export class SocketClient {
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  readonly #signal: AbortSignal
  readonly #transcript: Transcript
  #answers: Array<Answer> = []
  #waiters: Array<Waiter> = []
  #fault: Error | null = null
  #ended = false
  #serial = 0n
  #received = 0
  /** Resolves when the server has ended its side, or the connection is gone. */
  readonly ended: Promise<void>

  private constructor(socket: Socket, signal: AbortSignal, transcript: Transcript) {
    this.#socket = socket
    this.#signal = signal
    this.#transcript = transcript
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    const end = (): void => {
      if (this.#ended) return
      this.#ended = true
      transcript.add("note", "socket: the server ended the connection")
      resolve()
      this.#fail(new ConnectionEnded("the server ended the connection before it answered"))
    }
    socket.on("data", (chunk: Buffer) => this.#receive(chunk))
    socket.on("error", () => {})
    socket.on("end", end)
    socket.on("close", end)
    signal.addEventListener("abort", () => this.destroy(), { once: true })
  }

  /** Rejects with the system's error where nobody listens, and as a failed case where it was taken and ended at once. */
  static async open(path: string, signal: AbortSignal, transcript: Transcript): Promise<SocketClient> {
    signal.throwIfAborted()
    const socket = connect({ path, allowHalfOpen: true })
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve)
      socket.once("error", (error: NodeJS.ErrnoException) =>
        reject(error.code === "ECONNRESET" ? new ConnectionEnded(closedAtOnce) : error)
      )
      socket.once("close", () => reject(new ConnectionEnded(closedAtOnce)))
      signal.addEventListener("abort", () => socket.destroy(), { once: true })
    })
    return new SocketClient(socket, signal, transcript)
  }

  get isEnded(): boolean {
    return this.#ended
  }

  /** Bytes that came so far. */
  get received(): number {
    return this.#received
  }

  /** Answers that nobody has asked for yet. */
  get pending(): ReadonlyArray<Answer> {
    return this.#answers
  }

  /** Sends bytes; resolves when the kernel has taken them, which a server that reads nothing may prevent. */
  send(bytes: Uint8Array): Promise<void> {
    this.#transcript.add(
      "suite",
      `socket: ${bytes.length} bytes ${Buffer.from(bytes.subarray(0, 64)).toHex()}`
    )
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()))
  }

  frame(parts: FrameParts): void {
    const { code, id, payload } = parts
    const shown = payload === undefined ? "" : Buffer.from(payload).subarray(0, 1000).toString()
    this.#transcript.add("suite", `socket: #${id} 0x${code.toString(16)} ${shown}`)
    this.#socket.write(encodeFrame(parts))
  }

  nextId(): bigint {
    this.#serial += 1n
    return this.#serial
  }

  /** Sends a request; its answer is to be asked for by its id. */
  post(command: CommandName, payload: unknown, id = this.nextId()): bigint {
    this.frame({ id, code: Command[command], payload: JSON.stringify(payload) })
    return id
  }

  /** Sends a request and waits for its answer. */
  call(command: CommandName, payload: unknown = {}): Promise<Answer> {
    return this.answer(this.post(command, payload))
  }

  /** The next answer with this id. */
  answer(id: bigint): Promise<Answer> {
    return this.#take((answer) => answer.id === id)
  }

  /** The next answer, whichever. */
  next(): Promise<Answer> {
    return this.#take(() => true)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Ends this side; the other may still answer. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #take(fits: (answer: Answer) => boolean): Promise<Answer> {
    const index = this.#answers.findIndex(fits)
    const [found] = index === -1 ? [] : this.#answers.splice(index, 1)
    if (found !== undefined) return Promise.resolve(found)
    if (this.#fault !== null) return Promise.reject(this.#fault)
    return new Promise((resolve, reject) => this.#waiters.push({ fits, resolve, reject }))
  }

  #receive(chunk: Buffer): void {
    this.#received += chunk.length
    if (this.#fault !== null) return
    try {
      for (const { code, id, payload } of this.#reader.push(chunk)) {
        const shown = Buffer.from(payload.subarray(0, 1500)).toString()
        this.#transcript.add("target", `socket: #${id} ${NAMES[code] ?? code} ${shown}`)
        this.#hand(readAnswer(code, id, payload))
      }
    } catch (error) {
      if (error instanceof FrameFault)
        this.#fail(new CaseFailure(error.message, { requirements: ["SP-007"] }))
      else this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #hand(answer: Answer): void {
    const index = this.#waiters.findIndex(({ fits }) => fits(answer))
    const [waiter] = index === -1 ? [] : this.#waiters.splice(index, 1)
    if (waiter === undefined) this.#answers.push(answer)
    else waiter.resolve(answer)
  }

  #fail(error: Error): void {
    this.#fault ??= error
    const waiters = this.#waiters
    this.#waiters = []
    for (const { reject } of waiters)
      reject(this.#signal.aborted ? (this.#signal.reason as Error) : this.#fault)
  }
}
