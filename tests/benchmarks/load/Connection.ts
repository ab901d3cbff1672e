import type { Socket } from "bun"
import type { LoadTarget } from "./LoadPlan.ts"
import { ResponseParser } from "./ResponseParser.ts"

/** A request that is not answered for so long has failed: more than a function may take by default. */
export const PATIENCE_SECONDS = 40

/** What happens on a connection. Called from the event loop; neither may throw. */
export interface ConnectionEvents {
  /** @param nanoseconds from the first byte written to the last byte read */
  readonly answered: (connection: Connection, status: number, nanoseconds: number) => void
  /** The connection is gone without our doing; called once. */
  readonly lost: (connection: Connection, reason: string) => void
  /** A piece of a response's body, valid only during the call. */
  readonly body?: (piece: Uint8Array) => void
}

/** A keep-alive HTTP/1.1 connection with at most one request under way. */
export class Connection {
  readonly #events: ConnectionEvents
  readonly #parser: ResponseParser
  #socket: Socket<undefined> | null = null
  /** What is still to be written, when the kernel did not take all at once. */
  #unsent: Uint8Array | null = null
  #sentAt = -1
  #ended = false

  /** Rejects when nothing listens there. */
  static async open(target: LoadTarget, events: ConnectionEvents): Promise<Connection> {
    const connection = new Connection(events)
    await Bun.connect<undefined>({
      hostname: target.hostname,
      port: target.port,
      data: undefined,
      socket: {
        open: (socket) => {
          socket.setNoDelay(true)
          connection.#socket = socket
        },
        data: (_socket, bytes) => connection.#received(bytes),
        drain: () => connection.#write(),
        close: () => connection.#lose("the server closed the connection"),
        error: (_socket, error) => connection.#lose(error.message),
        connectError: () => {}
      }
    })
    return connection
  }

  private constructor(events: ConnectionEvents) {
    this.#events = events
    this.#parser = new ResponseParser({
      ...(events.body === undefined ? {} : { body: events.body }),
      complete: (status) => {
        const elapsed = Bun.nanoseconds() - this.#sentAt
        // What is left of the request would be read as the beginning of the next one.
        if (this.#unsent !== null) return this.#lose(`status ${status} before the whole request was sent`)
        this.#sentAt = -1
        events.answered(this, status, elapsed)
      }
    })
  }

  /** Whether a request is under way. */
  get waiting(): boolean {
    return this.#sentAt !== -1
  }

  /** @param request a whole request, which must not change until it was answered */
  send(request: Uint8Array): void {
    if (this.#ended) return
    this.#sentAt = Bun.nanoseconds()
    this.#unsent = request
    this.#write()
  }

  /** Ends the connection without an event. */
  close(): void {
    this.#ended = true
    this.#socket?.end()
  }

  #write(): void {
    const bytes = this.#unsent
    if (bytes === null || this.#socket === null) return
    const written = this.#socket.write(bytes)
    if (written < 0) this.#lose("the connection was closed while writing")
    else this.#unsent = written === bytes.length ? null : bytes.subarray(written)
  }

  #received(bytes: Uint8Array): void {
    if (this.#ended) return
    if (this.#sentAt === -1) {
      this.#lose("the server sent something that nobody asked for")
      return
    }
    try {
      this.#parser.feed(bytes)
    } catch (error) {
      this.#lose(error instanceof Error ? error.message : String(error))
    }
  }

  #lose(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket?.terminate()
    this.#events.lost(this, reason)
  }
}

/** The head of a request as any client sends it: a GET, or a POST with so many bytes to follow. */
export const requestHead = (target: LoadTarget, bodyBytes?: number): Buffer =>
  Buffer.from(
    [
      `${bodyBytes === undefined ? "GET" : "POST"} ${target.path} HTTP/1.1`,
      `Host: ${target.hostname}:${target.port}`,
      "User-Agent: bunbase-bench",
      "Accept: */*",
      ...(bodyBytes === undefined
        ? []
        : ["Content-Type: application/octet-stream", `Content-Length: ${bodyBytes}`]),
      "\r\n"
    ].join("\r\n")
  )
