import { type ChildProcess, spawn } from "node:child_process"
import { createServer, type Server, type Socket } from "node:net"
import type { Duplex, Readable, Writable } from "node:stream"
import { encodeFrame, FrameReader } from "../../server/client/Frames.ts"
import { type Ended, FromHost, ToHost, type WorkerStart } from "./frames.ts"
import { type HostFlaw, type Line, type Message, messageOf, type Wire } from "./HostFlaw.ts"
import { LineCutter } from "./LineCutter.ts"

const PIECE = 1024 * 1024
const NEWLINE = Buffer.from("\n")
const PROTOCOL_FD = "BUNBASE_PROTOCOL_FD"

/** A worker's process, and the streams of its protocol. */
interface WorkerBody {
  readonly child: ChildProcess
  readonly input: Writable
  readonly output: Readable
}

const startWorker = (program: string, { args, environment, folder }: WorkerStart): WorkerBody => {
  const options = { cwd: folder, env: { ...environment } }
  if (environment[PROTOCOL_FD] === undefined) {
    const child = spawn(program, args, { ...options, stdio: ["pipe", "pipe", "pipe"] })
    return { child, input: child.stdin, output: child.stdout }
  }
  options.env[PROTOCOL_FD] = "3"
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe", "pipe"] })
  const both = child.stdio[3] as Duplex
  return { child, input: both, output: both }
}

/**
 * Stands between a host that is right and its workers. The host starts relays in place of them, which say here how they were
 * started; the workers themselves are started here.
 */
export class HostProxy {
  readonly #wires = new Set<HostWire>()
  readonly #workers = new Set<ChildProcess>()
  readonly #server: Server

  /** `worker` is the workers' program. */
  constructor(worker: string, flaws: ReadonlyArray<HostFlaw>) {
    this.#server = createServer((socket) => {
      const wire = new HostWire(socket, worker, flaws, this.#wires, this.#workers)
      this.#wires.add(wire)
      socket.on("close", () => this.#wires.delete(wire))
    })
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject)
      this.#server.listen(path, resolve)
    })
  }

  stop(): void {
    this.#server.close()
    for (const child of this.#workers) child.kill("SIGKILL")
  }
}

/** One program that the host takes for a worker, and the worker. */
class HostWire implements Wire {
  readonly all: ReadonlySet<Wire>
  readonly inFlight = new Map<string, Message>()
  readonly #socket: Socket
  readonly #program: string
  readonly #flaws: ReadonlyArray<HostFlaw>
  readonly #workers: Set<ChildProcess>
  readonly #fromHost: LineCutter
  #worker: WorkerBody | null = null

  constructor(
    socket: Socket,
    program: string,
    flaws: ReadonlyArray<HostFlaw>,
    all: ReadonlySet<Wire>,
    workers: Set<ChildProcess>
  ) {
    this.#socket = socket
    this.#program = program
    this.#flaws = flaws
    this.all = all
    this.#workers = workers
    this.#fromHost = new LineCutter(
      (bytes) => this.#said(bytes),
      (piece) => void this.#worker?.input.write(piece)
    )
    const reader = new FrameReader()
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => {
      for (const { code, payload } of reader.push(chunk)) this.#frame(code, Buffer.from(payload))
    })
    socket.on("close", () => {
      if (!this.#isKept()) this.#worker?.child.kill("SIGKILL")
    })
  }

  toHost(message: Message): void {
    this.#emit(message)
  }

  toWorker(message: Message): void {
    this.#worker?.input.write(`${JSON.stringify(message)}\n`)
  }

  discard(): void {
    const worker = this.#worker
    this.#worker = null
    worker?.child.kill("SIGKILL")
    this.#tellEnd({ code: 1, signal: null })
  }

  takeOver(other: Wire): void {
    if (!(other instanceof HostWire)) throw new Error("a wire of another host")
    this.#worker?.child.kill("SIGKILL")
    this.#worker = other.#worker
    other.#worker = null
    other.#tellEnd({ code: 0, signal: null })
    if (this.#worker !== null) this.#listen(this.#worker)
  }

  #frame(code: number, payload: Buffer): void {
    if (code === FromHost.start) this.#start(JSON.parse(payload.toString()) as WorkerStart)
    else if (code === FromHost.signal) this.#worker?.child.kill(payload.toString() as NodeJS.Signals)
    else if (code === FromHost.end) {
      if (!this.#isKept()) this.#worker?.input.end()
    } else if (this.#flaws.length === 0) this.#worker?.input.write(payload)
    else this.#fromHost.push(payload)
  }

  #isKept(): boolean {
    return this.#flaws.some(({ keeps }) => keeps?.(this) === true)
  }

  #start(how: WorkerStart): void {
    const worker = startWorker(this.#program, how)
    const { child } = worker
    this.#workers.add(child)
    this.#worker = worker
    child.on("error", () => this.#tellEnd({ code: 127, signal: null }))
    worker.input.on("error", () => {})
    this.#listen(worker)
  }

  /** Everything that the worker does goes to this wire from now on. */
  #listen(worker: WorkerBody): void {
    const { child, output } = worker
    const lines = new LineCutter(
      (bytes) => this.#heard(bytes),
      (piece) => {
        if (!this.#flaws.some(({ dropsLongLines }) => dropsLongLines === true)) this.#write(piece)
      }
    )
    for (const stream of [output, child.stdout, child.stderr]) stream?.removeAllListeners("data")
    output.on("data", (bytes: Buffer) => {
      if (this.#flaws.length === 0) return this.#write(bytes)
      let read: Buffer | null = bytes
      for (const flaw of this.#flaws) read = read !== null && flaw.read ? flaw.read(read, this) : read
      if (read !== null) lines.push(read)
    })
    if (child.stdout !== output) child.stdout?.on("data", (bytes: Buffer) => this.#send(ToHost.stdout, bytes))
    child.stderr?.on("data", (bytes: Buffer) => {
      this.#send(ToHost.stderr, bytes)
      for (const { noted } of this.#flaws) noted?.(bytes, this)
    })
    child.removeAllListeners("close")
    child.on("close", (code, signal) => {
      this.#workers.delete(child)
      if (this.#worker !== worker) return
      for (const { workerEnded } of this.#flaws) workerEnded?.(this)
      this.#tellEnd({ code, signal })
    })
  }

  #heard(bytes: Buffer): void {
    let lines: ReadonlyArray<Line> = [{ bytes, message: messageOf(bytes) }]
    for (const { heard } of this.#flaws) {
      if (heard !== undefined) lines = lines.flatMap((line) => heard(line, this)).map(asLine)
    }
    for (const line of lines) this.#emit(line)
  }

  #emit(what: Line | Message): void {
    const { bytes, message } = asLine(what)
    if (message?.type === "response" || message?.type === "error") this.inFlight.delete(message.id)
    this.#write(Buffer.concat([bytes, NEWLINE]))
  }

  #said(bytes: Buffer): void {
    const message = messageOf(bytes)
    if (message === null) return
    if (message.type === "invoke") this.inFlight.set(message.id, message)
    let said: ReadonlyArray<Message> = [message]
    for (const flaw of this.#flaws)
      said = said.flatMap((one) => (flaw.said === undefined ? [one] : flaw.said(one, this)))
    for (const one of said) this.toWorker(one)
  }

  #write(bytes: Buffer): void {
    this.#send(ToHost.bytes, bytes)
  }

  #send(code: number, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += PIECE)
      this.#socket.write(encodeFrame({ id: 0n, code, payload: bytes.subarray(at, at + PIECE) }))
  }

  #tellEnd(ended: Ended): void {
    this.#socket.end(encodeFrame({ id: 0n, code: ToHost.ended, payload: JSON.stringify(ended) }))
  }
}

const asLine = (what: Line | Message): Line =>
  what["bytes"] instanceof Uint8Array
    ? (what as Line)
    : { bytes: Buffer.from(JSON.stringify(what)), message: what as Message }
