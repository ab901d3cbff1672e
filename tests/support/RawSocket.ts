import { connect, type Socket } from "node:net"
import { SocketStatus } from "../../src/protocol/ErrorTable.ts"
import { encodeFrame } from "../../src/protocol/socket/Frame.ts"
import { FrameDecoder } from "../../src/protocol/socket/FrameDecoder.ts"

/** An answer as it came, its payload parsed. */
export interface RawAnswer {
  readonly id: bigint
  readonly status: "OK" | "ERROR" | "NOT_FOUND"
  readonly payload: Readonly<Record<string, unknown>>
}

const statusNames = ["OK", "ERROR", "NOT_FOUND"] as const

/** A client that does what a test tells it, also what no client should. */
export class RawSocket {
  readonly socket: Socket
  readonly answers: Array<RawAnswer> = []
  #wake: Array<() => void> = []
  /** The server's end, or ours, is closed. */
  readonly closed: Promise<void>
  isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    const decoder = new FrameDecoder({
      frame: ({ kind, payload, requestId }) => {
        const status = statusNames[kind]
        if (status === undefined) throw new Error(`no status has the number ${kind}`)
        const text = new TextDecoder().decode(payload)
        this.answers.push({ id: requestId, status, payload: JSON.parse(text) as RawAnswer["payload"] })
        this.#tell()
      },
      violation: (violation) => {
        throw violation
      }
    })
    socket.on("data", (chunk) => decoder.push(chunk as Uint8Array))
    socket.on("error", () => {})
    this.closed = new Promise((resolve) =>
      socket.on("close", () => {
        this.isClosed = true
        this.#tell()
        resolve()
      })
    )
  }

  static open(path: string): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path })
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.removeListener("error", reject)
        resolve(new RawSocket(socket))
      })
    })
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  send(id: number | bigint, command: number, payload?: unknown): void {
    this.write(requestBytes(id, command, payload))
  }

  /** The answer to a request, once it is there. */
  async answerTo(id: number | bigint): Promise<RawAnswer> {
    for (;;) {
      const found = this.answers.find((answer) => answer.id === BigInt(id))
      if (found !== undefined) return found
      if (this.isClosed) throw new Error(`the connection was closed before the answer to ${id}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  /** So many answers, once they are there. */
  async answered(count: number): Promise<ReadonlyArray<RawAnswer>> {
    while (this.answers.length < count) {
      if (this.isClosed)
        throw new Error(`the connection was closed after ${this.answers.length} of ${count} answers`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    return this.answers
  }

  ask(id: number | bigint, command: number, payload?: unknown): Promise<RawAnswer> {
    this.send(id, command, payload)
    return this.answerTo(id)
  }

  leave(): void {
    this.socket.destroy()
  }

  #tell(): void {
    const wake = this.#wake
    this.#wake = []
    for (const one of wake) one()
  }
}

export const requestBytes = (id: number | bigint, command: number, payload?: unknown): Uint8Array => {
  const text = payload === undefined ? "" : JSON.stringify(payload)
  const bytes = encodeFrame(BigInt(id), command, text)
  if (bytes === null) throw new Error("the request is larger than a frame")
  return bytes
}

/** The bytes of an answer, for servers that a test plays. */
export const answerBytes = (id: bigint, status: keyof typeof SocketStatus, payload: unknown): Uint8Array =>
  requestBytes(id, SocketStatus[status], payload)
