const { apply } = Reflect
const { subarray } = Uint8Array.prototype
/** A view of some bytes, also where a function has taken the method off the prototype that they come with (Buffer's). */
const part = (bytes: Uint8Array, start: number, end: number): Uint8Array =>
  apply(subarray, bytes, [start, end]) as Uint8Array

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
/** Smaller pieces are gathered: an object for every byte of a line that dribbles in would be a hundred times its size. */
const BLOCK_BYTES = 16 * 1024

export class LineDecoder {
  readonly #events: LineEvents
  readonly #limit: number
  /** What is held of the unfinished line: pieces, and after them what is in the block. */
  #pending: Array<Uint8Array> = []
  #block: Uint8Array | null = null
  #blockBytes = 0
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
        this.#events.line(part(chunk, start, end))
      } else {
        this.#events.line(this.#take(part(chunk, start, end)))
      }
      start = end + 1
    }
    if (this.#dead || start >= chunk.length) return
    const rest = chunk.length - start
    if (this.#pendingBytes + rest > this.#limit) return this.#overflow()
    this.#hold(part(chunk, start, chunk.length))
  }

  /** The stream ended: an unfinished line is handed over as it is; returns whether there was one. */
  end(): boolean {
    if (this.#dead || this.#pendingBytes === 0) return false
    this.#events.line(this.#take(new Uint8Array(0)))
    return true
  }

  /** Copies: whoever pushed the bytes may use their memory again. (`slice` of a Buffer would not copy.) */
  #hold(bytes: Uint8Array): void {
    this.#pendingBytes += bytes.length
    if (this.#blockBytes + bytes.length > BLOCK_BYTES) this.#seal()
    if (bytes.length > BLOCK_BYTES / 2) {
      this.#seal()
      this.#pending.push(new Uint8Array(bytes))
      return
    }
    this.#block ??= new Uint8Array(BLOCK_BYTES)
    this.#block.set(bytes, this.#blockBytes)
    this.#blockBytes += bytes.length
  }

  #seal(): void {
    if (this.#block === null || this.#blockBytes === 0) return
    this.#pending.push(new Uint8Array(part(this.#block, 0, this.#blockBytes)))
    this.#blockBytes = 0
  }

  /** The line that is held, and its last bytes. */
  #take(rest: Uint8Array): Uint8Array {
    const whole = new Uint8Array(this.#pendingBytes + rest.length)
    let at = 0
    // no iterator: in the guest, a function may have spoilt those of arrays
    for (let i = 0; i < this.#pending.length; i += 1) {
      const part = this.#pending[i] as Uint8Array
      whole.set(part, at)
      at += part.length
    }
    if (this.#block !== null) whole.set(part(this.#block, 0, this.#blockBytes), at)
    whole.set(rest, this.#pendingBytes)
    this.#forget()
    return whole
  }

  #forget(): void {
    this.#pending = []
    this.#blockBytes = 0
    this.#pendingBytes = 0
  }

  #overflow(): void {
    this.#dead = true
    this.#block = null
    this.#forget()
    this.#events.oversize()
  }
}
