import type { Transport } from "./WorkerSession.ts"

/** What can happen on the wire other than bytes. */
export interface TransportEvents {
  readonly data: (chunk: Uint8Array) => void
  /** The worker's end is closed; nothing more comes. */
  readonly closed: () => void
}

/** Where a wire begins: one end of a socket pair, or a unix socket that a fork server listens on. */
export type WireEnd = { readonly fd: number } | { readonly unix: string }

/** What is gathered is sent when it has grown to this many characters. */
const JOIN_CHARS = 64 * 1024

/**
 * The worker protocol over one end of a socket pair. A socket, not two pipes: Bun's event loop reads and writes sockets
 * directly, while pipes go through a thread pool.
 *
 * What the worker does not read is kept here; it is bounded by what may be in flight on a worker (its concurrency times the
 * largest request), because nothing else is ever written.
 */
export class SocketTransport implements Transport {
  readonly #pending: Array<Uint8Array> = []
  #unsent: Array<() => void> = []
  #socket: Bun.Socket | null = null
  #events: TransportEvents | null = null
  #gathered = ""
  #closed = false

  /**
   * Takes over a descriptor, or connects to a listening unix socket; what was written before goes out now. Rejects when that
   * is no socket, or nobody listens.
   */
  async open(to: WireEnd, events: TransportEvents): Promise<void> {
    this.#events = events
    const socket: Bun.SocketHandler = {
      data: (_socket, chunk) => this.#events?.data(chunk),
      drain: () => this.#flush(),
      end: () => this.close(),
      close: () => {
        this.#closed = true
        this.#giveUp()
        this.#events?.closed()
      },
      error: () => this.close()
    }
    // Bun takes a descriptor here, as its own FdSocketOptions says; the overloads only do not mention it.
    const options: Partial<Bun.FdSocketOptions & Bun.UnixSocketOptions> = { ...to, socket }
    this.#socket = await Bun.connect(options as Bun.FdSocketOptions & Bun.UnixSocketOptions)
    // Given up while it was connecting.
    if (this.#closed) this.#socket.end()
    else this.#flush()
  }

  /** From now on somebody else hears what happens on an open wire. */
  handOver(events: TransportEvents): void {
    this.#events = events
  }

  /**
   * Puts a line behind the others; it leaves at once, or at the end of this turn of the event loop, together with what else
   * has come by then.
   */
  gather(line: string): void {
    if (this.#gathered === "") setImmediate(this.#sendGathered)
    this.#gathered += line
    if (this.#gathered.length > JOIN_CHARS) this.#sendGathered()
  }

  readonly #sendGathered = (): void => {
    const text = this.#gathered
    this.#gathered = ""
    if (text !== "") this.#put(text)
  }

  /** Puts a line behind the others, and sends it at once. */
  write(line: string): void {
    const text = this.#gathered + line
    this.#gathered = ""
    this.#put(text)
  }

  #put(text: string): void {
    if (this.#closed) return
    if (this.#pending.length > 0 || this.#socket === null) {
      this.#pending.push(Buffer.from(text))
      return
    }
    // As text: nearly always all of it is taken, and no bytes need to be made here.
    const written = Math.max(0, this.#socket.write(text))
    if (written < Buffer.byteLength(text)) this.#pending.push(Buffer.from(text).subarray(written))
    this.#settleSent()
  }

  /** Calls back once nothing of what was written until now is held here: at once, when the other end has read, or at the end. */
  whenSent(callback: () => void): void {
    if (this.#closed || (this.#pending.length === 0 && this.#gathered === "")) callback()
    else this.#unsent.push(callback)
  }

  #giveUp(): void {
    this.#pending.length = 0
    this.#gathered = ""
    this.#tellSent()
  }

  #tellSent(): void {
    const told = this.#unsent
    this.#unsent = []
    for (const callback of told) callback()
  }

  /** Nothing goes either way any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Closes the wire; the worker takes that for the end of its host. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#giveUp()
    this.#socket?.end()
  }

  #flush(): void {
    while (this.#pending.length > 0 && this.#socket !== null && !this.#closed) {
      const bytes = this.#pending[0] as Uint8Array
      const written = this.#socket.write(bytes)
      if (written < bytes.length) {
        this.#pending[0] = bytes.subarray(Math.max(0, written))
        return
      }
      this.#pending.shift()
    }
    this.#settleSent()
  }

  #settleSent(): void {
    if (this.#unsent.length > 0 && this.#pending.length === 0 && this.#gathered === "") this.#tellSent()
  }
}
