import { indexOf, lengthOf, OwnUint8Array, part, setAt } from "./OwnBytes.ts"

/**
 * Cuts a byte stream into lines, however it was chunked. It holds at most `limit` bytes of an unfinished line; past that
 * it reports the line as oversize once and takes no further bytes (WP: an oversize line ends the session).
 *
 * The guest loads this too, and a function there may have spoilt every built-in.
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

/** Chained from the last to the first, and no array: its indices could be taken by setters of a function's. */
interface Piece {
  readonly before: Piece | null
  readonly copy: Uint8Array
  readonly size: number
}

export class LineDecoder {
  readonly #events: LineEvents
  readonly #limit: number
  /** What is held of the unfinished line: pieces, and after them what is in the block. */
  #pending: Piece | null = null
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
    const size = lengthOf(chunk)
    let start = 0
    while (!this.#dead) {
      const end = indexOf(chunk, NEWLINE, start)
      if (end === -1) break
      if (this.#pendingBytes + end - start > this.#limit) return this.#overflow()
      if (this.#pendingBytes === 0) {
        this.#events.line(part(chunk, start, end))
      } else {
        this.#events.line(this.#take(part(chunk, start, end), end - start))
      }
      start = end + 1
    }
    if (this.#dead || start >= size) return
    const rest = size - start
    if (this.#pendingBytes + rest > this.#limit) return this.#overflow()
    this.#hold(part(chunk, start, size), rest)
  }

  /** The stream ended: an unfinished line is handed over as it is; returns whether there was one. */
  end(): boolean {
    if (this.#dead || this.#pendingBytes === 0) return false
    this.#events.line(this.#take(new OwnUint8Array(0), 0))
    return true
  }

  /** Copies: whoever pushed the bytes may use their memory again. (`slice` of a Buffer would not copy.) */
  #hold(bytes: Uint8Array, size: number): void {
    this.#pendingBytes += size
    if (this.#blockBytes + size > BLOCK_BYTES) this.#seal()
    if (size > BLOCK_BYTES / 2) {
      this.#seal()
      this.#keep(bytes, size)
      return
    }
    this.#block ??= new OwnUint8Array(BLOCK_BYTES)
    setAt(this.#block, bytes, this.#blockBytes)
    this.#blockBytes += size
  }

  #seal(): void {
    if (this.#block === null || this.#blockBytes === 0) return
    this.#keep(part(this.#block, 0, this.#blockBytes), this.#blockBytes)
    this.#blockBytes = 0
  }

  #keep(bytes: Uint8Array, size: number): void {
    const copy = new OwnUint8Array(size)
    setAt(copy, bytes, 0)
    this.#pending = { before: this.#pending, copy, size }
  }

  /** The line that is held, and its last bytes. */
  #take(rest: Uint8Array, size: number): Uint8Array {
    let at = this.#pendingBytes
    const whole = new OwnUint8Array(at + size)
    setAt(whole, rest, at)
    if (this.#block !== null) {
      at -= this.#blockBytes
      setAt(whole, part(this.#block, 0, this.#blockBytes), at)
    }
    for (let piece = this.#pending; piece !== null; piece = piece.before) {
      at -= piece.size
      setAt(whole, piece.copy, at)
    }
    this.#forget()
    return whole
  }

  #forget(): void {
    this.#pending = null
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
