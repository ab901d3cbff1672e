/**
 * Cuts a byte stream into lines, however it was chunked. It holds at most `limit` bytes of an unfinished line; past that
 * it reports the line as oversize once and takes no further bytes (WP: an oversize line ends the session).
 *
 * No dependencies: the guest loads this too.
 */
export interface LineEvents {
  /** A whole line without its newline. The bytes are only valid during the call. */
  readonly line: (bytes: Uint8Array) => void
  /** A line grew past the limit. Nothing is reported after this. */
  readonly oversize: () => void
}

const NEWLINE = 10

export class LineDecoder {
  readonly #events: LineEvents
  readonly #limit: number
  #pending: Array<Uint8Array> = []
  #pendingBytes = 0
  #dead = false

  constructor(limit: number, events: LineEvents) {
    this.#limit = limit
    this.#events = events
  }

  /** Bytes of the unfinished line that are being held. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  push(chunk: Uint8Array): void {
    let start = 0
    while (!this.#dead) {
      const end = chunk.indexOf(NEWLINE, start)
      if (end === -1) break
      if (this.#pendingBytes + end - start > this.#limit) return this.#overflow()
      if (this.#pendingBytes === 0) {
        this.#events.line(chunk.subarray(start, end))
      } else {
        this.#pending.push(chunk.subarray(start, end))
        const whole = this.#take()
        this.#events.line(whole)
      }
      start = end + 1
    }
    if (this.#dead || start >= chunk.length) return
    const rest = chunk.length - start
    if (this.#pendingBytes + rest > this.#limit) return this.#overflow()
    // Copied: whoever pushed the chunk may use its memory again. (`slice` of a Buffer would not copy.)
    this.#pending.push(new Uint8Array(chunk.subarray(start)))
    this.#pendingBytes += rest
  }

  /** The stream ended: an unfinished line is handed over as it is; returns whether there was one. */
  end(): boolean {
    if (this.#dead || this.#pendingBytes === 0) return false
    this.#events.line(this.#take())
    return true
  }

  #take(): Uint8Array {
    const parts = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    if (parts.length === 1) return parts[0] as Uint8Array
    let size = 0
    for (const part of parts) size += part.length
    const whole = new Uint8Array(size)
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  #overflow(): void {
    this.#dead = true
    this.#pending = []
    this.#pendingBytes = 0
    this.#events.oversize()
  }
}
