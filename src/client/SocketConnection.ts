import { existsSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { dirname } from "node:path"
import type { Frame } from "../protocol/socket/Frame.ts"
import { FrameDecoder } from "../protocol/socket/FrameDecoder.ts"
import { socketPathTooLong } from "../protocol/socket/SocketPath.ts"
import { ConnectionError, ProtocolError } from "./ClientErrors.ts"

export interface SocketConnectionEvents {
  /** An answer; its payload is only valid during the call. */
  readonly frame: (frame: Frame) => void
  /** There is room for more. */
  readonly drained: () => void
  /** The connection is over; called once, and nothing after it. */
  readonly ended: (reason: ConnectionError | ProtocolError) => void
}

/** With more than that waiting to be written, further requests wait where they are counted. */
const HIGH_WATER_BYTES = 1024 * 1024

/** One connection to the service's socket: frames in, frames out. It is used until it ends, and never again. */
export class SocketConnection {
  readonly #socket: Socket
  readonly #path: string
  readonly #decoder: FrameDecoder
  readonly #events: SocketConnectionEvents
  #over = false

  private constructor(socket: Socket, path: string, events: SocketConnectionEvents) {
    this.#socket = socket
    this.#path = path
    this.#events = events
    this.#decoder = new FrameDecoder({
      frame: events.frame,
      violation: ({ reason }) =>
        this.#end(new ProtocolError(`what listens on ${path} does not speak this protocol: ${reason}`, path))
    })
    socket.on("data", (chunk) => this.#decoder.push(chunk as Uint8Array))
    socket.on("drain", () => events.drained())
    socket.on("error", (cause) => this.#end(this.#broken(cause)))
    socket.on("close", () => this.#end(this.#broken()))
  }

  /** Connects, or throws a `ConnectionError` that says what to do. */
  static async open(
    path: string,
    timeoutMs: number,
    events: SocketConnectionEvents
  ): Promise<SocketConnection> {
    const tooLong = socketPathTooLong(path)
    if (tooLong !== null) throw new ConnectionError(`${path}: ${tooLong}; ${CHECK_PATH}`, path, "not_sent")
    for (const pauseMs of [...REFUSED_PAUSES_MS, null]) {
      try {
        return new SocketConnection(await dial(path, timeoutMs), path, events)
      } catch (cause) {
        if (pauseMs === null || codeOf(cause) !== "ECONNREFUSED") throw unreachable(path, cause)
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
    throw unreachable(path, null)
  }

  /** Whether requests should be handed over now, or wait for `drained`. */
  get hasRoom(): boolean {
    return !this.#over && this.#socket.writableLength < HIGH_WATER_BYTES
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Ends the connection without a further event; resolves when it is closed. */
  close(): Promise<void> {
    this.#over = true
    this.#decoder.stop()
    return new Promise((resolve) => {
      if (this.#socket.closed) return resolve()
      this.#socket.once("close", () => resolve())
      this.#socket.destroy()
    })
  }

  #end(reason: ConnectionError | ProtocolError): void {
    if (this.#over) return
    this.#over = true
    this.#decoder.stop()
    this.#socket.destroy()
    this.#events.ended(reason)
  }

  #broken(cause?: Error): ConnectionError {
    return new ConnectionError(
      `the connection to ${this.#path} ended before the answer; the server stopped, or was killed`,
      this.#path,
      "unknown",
      cause
    )
  }
}

/** A server that has too many clients to accept at once looks like one that is not there: it is asked again, briefly. */
const REFUSED_PAUSES_MS = [10, 30, 60]

const dial = (path: string, timeoutMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ path })
    const fail = (cause: Error) => {
      clearTimeout(timer)
      socket.removeAllListeners()
      // Whatever it still has to say is of no interest, but must not go unheard.
      socket.on("error", () => {})
      socket.destroy()
      reject(cause)
    }
    const timer = setTimeout(() => fail(new Error(`it did not answer within ${timeoutMs} ms`)), timeoutMs)
    socket.once("error", fail)
    socket.once("connect", () => {
      clearTimeout(timer)
      socket.removeListener("error", fail)
      resolve(socket)
    })
  })

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : ""

const CHECK_PATH = "use the path that the server was started with"

const unreachable = (path: string, cause: unknown): ConnectionError => {
  const code = codeOf(cause)
  const folder = dirname(path)
  const what =
    (code === "ENOENT" || code === "ENOTDIR") && !existsSync(folder)
      ? `no server can be listening on ${path}, there is no folder ${folder}; ${CHECK_PATH}`
      : code === "ENOENT" || code === "ECONNREFUSED"
        ? `no server is listening on ${path}; start one with: bunbase serve --socket ${path}`
        : code === "EACCES" || code === "EPERM"
          ? `the socket ${path} may not be used by this user; use the user that runs the server`
          : `cannot connect to ${path}: ${cause instanceof Error ? cause.message : "unknown reason"}; check that a server listens there`
  return new ConnectionError(what, path, "not_sent", cause)
}
