import type { Transport } from "./WorkerSession.ts"

/** What can happen on the wire other than bytes. */
export interface TransportEvents {
  readonly data: (chunk: Uint8Array) => void
  /** The worker's end is closed; nothing more comes. */
  readonly closed: () => void
}

/**
 * The worker protocol over one end of a socket pair. A socket, not two pipes: Bun's event loop reads and writes sockets
 * directly, while pipes go through a thread pool.
 *
 * What the worker does not read is kept here; it is bounded by what may be in flight on a worker (its concurrency times the
 * largest request), because nothing else is ever written.
 */
export class SocketTransport implements Transport {
  readonly #pending: Array<Uint8Array> = []
  #socket: Bun.Socket | null = null
  #closed = false

  /** Takes over the descriptor; what was written before goes out now. Rejects when it is no socket. */
  async open(fd: number, events: TransportEvents): Promise<void> {
    const options: Bun.FdSocketOptions = {
      fd,
      socket: {
        data: (_socket, chunk) => events.data(chunk),
        drain: () => this.#flush(),
        end: () => this.close(),
        close: () => {
          this.#closed = true
          this.#pending.length = 0
          events.closed()
        },
        error: () => this.close()
      }
    }
    // Bun takes a descriptor here, as its own FdSocketOptions says; the overloads only do not mention it.
    this.#socket = await Bun.connect(options as Bun.FdSocketOptions & Bun.UnixSocketOptions)
    this.#flush()
  }

  write(line: string): void {
    if (this.#closed) return
    const bytes = Buffer.from(line)
    if (this.#pending.length > 0 || this.#socket === null) {
      this.#pending.push(bytes)
      return
    }
    const written = this.#socket.write(bytes)
    if (written < bytes.length) this.#pending.push(bytes.subarray(Math.max(0, written)))
  }

  /** Closes the wire; the worker takes that for the end of its host. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#pending.length = 0
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
  }
}
