/** What a decoder reports, in order. */
export interface LineEvents {
  /** A whole line without its newline. The bytes are the receiver's to keep. */
  readonly line: (bytes: Uint8Array) => void
  /** A line grew past the limit; nothing is reported after this. */
  readonly oversize: () => void
}

const NEWLINE = 10

/**
 * Cuts what a worker writes into lines, however it was chunked. Of an unfinished line it holds at most `limit` bytes: past
 * that the line is reported as oversize, once, and everything after it is dropped. It copies what it keeps.
 */
export class LineDecoder {
  readonly #limit: number
  readonly #events: LineEvents
  #held: Array<Uint8Array> = []
  #heldBytes = 0
  #dead = false

  constructor(limit: number, events: LineEvents) {
    this.#limit = limit
    this.#events = events
  }

  /** Bytes of the unfinished line. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  push(chunk: Uint8Array): void {
    let start = 0
    while (!this.#dead && start < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, start)
      const end = newline === -1 ? chunk.length : newline
      if (this.#heldBytes + end - start > this.#limit) return this.#overflow()
      this.#held.push(Uint8Array.prototype.slice.call(chunk, start, end))
      this.#heldBytes += end - start
      if (newline === -1) return
      this.#events.line(this.#take())
      start = newline + 1
    }
  }

  /** The stream ended. Gives the unfinished line, if there is one: a torn line. */
  end(): Uint8Array | null {
    if (this.#dead || this.#heldBytes === 0) return null
    return this.#take()
  }

  #take(): Uint8Array {
    const line = this.#held.length === 1 ? (this.#held[0] as Uint8Array) : Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return line
  }

  #overflow(): void {
    this.#dead = true
    this.#held = []
    this.#heldBytes = 0
    this.#events.oversize()
  }
}
