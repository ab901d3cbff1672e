/** What a server sends that is no response this client understands. */
export class UnexpectedResponse extends Error {
  override readonly name = "UnexpectedResponse"
}

export interface ResponseSink {
  /** A piece of the body; valid only during the call. */
  readonly body?: (piece: Uint8Array) => void
  /** The response is complete. */
  readonly complete: (status: number) => void
}

type Place =
  "status line" | "header name" | "header value" | "body" | "chunk size" | "chunk" | "chunk end" | "trailer"

const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58
const ZERO = 48
const LOWER_A = 97

const START = Buffer.from("HTTP/1.")
const CONTENT_LENGTH = Buffer.from("content-length")
const TRANSFER_ENCODING = Buffer.from("transfer-encoding")

/** Far more than any server under test sends; keeps endless headers from looking like a slow answer. */
const MOST_HEAD_BYTES = 64 * 1024

/**
 * Reads HTTP/1.1 responses off a connection, byte by byte and without buffering, so that it costs the load generator as
 * little as can be: the status, where the body ends, and nothing else. Bodies have a `content-length`, are chunked, or have
 * a status without one.
 */
export class ResponseParser {
  readonly #sink: ResponseSink
  #place: Place = "status line"
  /** Bytes of the current head, and of its current line. */
  #headBytes = 0
  #column = 0
  #status = 0
  /** How much of either name the current line has matched; -1: it is another. */
  #lengthMatch = 0
  #encodingMatch = 0
  /** -1: not stated. */
  #length = -1
  #chunked = false
  /** Of the body, or of the current chunk. */
  #remaining = 0
  /** What follows on the line of a chunk's size is no part of it. */
  #extension = false

  constructor(sink: ResponseSink) {
    this.#sink = sink
  }

  /** Whether the next byte begins a response. */
  get atStart(): boolean {
    return this.#place === "status line" && this.#column === 0
  }

  /** @throws UnexpectedResponse; nothing may be fed after it */
  feed(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      switch (this.#place) {
        case "body":
        case "chunk":
          at = this.#body(bytes, at)
          break
        case "chunk size":
        case "chunk end":
        case "trailer":
          this.#framing(bytes[at] as number)
          at += 1
          break
        default:
          at = this.#head(bytes, at)
      }
    }
  }

  #body(bytes: Uint8Array, from: number): number {
    const to = Math.min(bytes.length, from + this.#remaining)
    this.#sink.body?.(bytes.subarray(from, to))
    this.#remaining -= to - from
    if (this.#remaining > 0) return to
    if (this.#place === "chunk") this.#begin("chunk end")
    else this.#complete()
    return to
  }

  /** What is between, before and after chunks. */
  #framing(byte: number): void {
    if (byte === CR) return
    if (byte !== LF) {
      if (this.#place === "chunk size") this.#sizeByte(byte)
      else if (this.#place === "chunk end") throw new UnexpectedResponse("a chunk is longer than it says")
      this.#column += 1
      return
    }
    if (this.#place === "chunk end") this.#begin("chunk size")
    else if (this.#place === "trailer") {
      if (this.#column === 0) this.#complete()
      this.#column = 0
    } else {
      if (this.#length === -1) throw new UnexpectedResponse("a chunk without a size")
      this.#remaining = this.#length
      this.#begin(this.#remaining === 0 ? "trailer" : "chunk")
    }
  }

  #begin(place: "chunk size" | "chunk" | "chunk end" | "trailer"): void {
    this.#place = place
    this.#column = 0
    this.#length = -1
    this.#extension = false
  }

  /** Hexadecimal digits, up to an extension or white space. */
  #sizeByte(byte: number): void {
    const digit = hexDigit(byte)
    if (digit === -1) {
      if (this.#length === -1) throw new UnexpectedResponse("the size of a chunk is no number")
      this.#extension = true
    } else if (!this.#extension) {
      this.#length = Math.max(0, this.#length) * 16 + digit
      if (this.#length > Number.MAX_SAFE_INTEGER)
        throw new UnexpectedResponse("the size of a chunk is no number")
    }
  }

  /** Up to the end of the head or of the bytes. */
  #head(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at] as number
      if (byte === LF) {
        if (this.#endOfLine()) {
          this.#endOfHead()
          return at + 1
        }
        continue
      }
      if (byte === CR) continue
      if (this.#place === "status line") this.#statusByte(byte)
      else if (this.#place === "header name") this.#nameByte(byte)
      else if (this.#lengthMatch === CONTENT_LENGTH.length) this.#lengthByte(byte)
      this.#column += 1
    }
    this.#headBytes += bytes.length - from
    if (this.#headBytes > MOST_HEAD_BYTES) throw new UnexpectedResponse("headers without end")
    return bytes.length
  }

  /** True when it was the empty line. */
  #endOfLine(): boolean {
    if (this.#place === "status line") {
      if (this.#status < 100 || this.#column < START.length + 5)
        throw new UnexpectedResponse("no status line")
    } else if (this.#column === 0) return true
    this.#place = "header name"
    this.#column = 0
    this.#lengthMatch = 0
    this.#encodingMatch = 0
    return false
  }

  #statusByte(byte: number): void {
    const column = this.#column
    if (column < START.length) {
      if (byte !== START[column]) throw new UnexpectedResponse("not HTTP/1.x")
    } else if (column >= 9 && column < 12) {
      const digit = byte - ZERO
      if (digit < 0 || digit > 9) throw new UnexpectedResponse("the status is no number")
      this.#status = this.#status * 10 + digit
    }
  }

  #nameByte(byte: number): void {
    if (byte === COLON) {
      this.#place = "header value"
      // Nobody sends another coding that was not asked for; one that does gives no chunk sizes.
      if (this.#encodingMatch === TRANSFER_ENCODING.length) this.#chunked = true
      if (this.#lengthMatch === CONTENT_LENGTH.length) {
        if (this.#length !== -1) throw new UnexpectedResponse("two content-lengths")
        this.#length = 0
      }
      return
    }
    const lower = byte | 0x20
    this.#lengthMatch = lower === CONTENT_LENGTH[this.#lengthMatch] ? this.#lengthMatch + 1 : -1
    this.#encodingMatch = lower === TRANSFER_ENCODING[this.#encodingMatch] ? this.#encodingMatch + 1 : -1
  }

  #lengthByte(byte: number): void {
    if (byte === SPACE) return
    const digit = byte - ZERO
    if (digit < 0 || digit > 9) throw new UnexpectedResponse("the content-length is no number")
    this.#length = this.#length * 10 + digit
    if (this.#length > Number.MAX_SAFE_INTEGER)
      throw new UnexpectedResponse("the content-length is no number")
  }

  #endOfHead(): void {
    const status = this.#status
    if (status < 200) {
      this.#reset()
      return
    }
    const bodiless = status === 204 || status === 304
    if (this.#chunked && !bodiless) {
      if (this.#length !== -1) throw new UnexpectedResponse("chunks and a content-length")
      this.#begin("chunk size")
      return
    }
    if (this.#length === -1 && !bodiless) throw new UnexpectedResponse("neither a content-length nor chunks")
    this.#remaining = bodiless ? 0 : this.#length
    this.#place = "body"
    if (this.#remaining === 0) this.#complete()
  }

  #complete(): void {
    const status = this.#status
    this.#reset()
    this.#sink.complete(status)
  }

  #reset(): void {
    this.#place = "status line"
    this.#headBytes = 0
    this.#column = 0
    this.#status = 0
    this.#lengthMatch = 0
    this.#encodingMatch = 0
    this.#length = -1
    this.#chunked = false
  }
}

/** -1: none. */
const hexDigit = (byte: number): number => {
  if (byte >= ZERO && byte <= ZERO + 9) return byte - ZERO
  const letter = byte | 0x20
  return letter >= LOWER_A && letter <= LOWER_A + 5 ? letter - LOWER_A + 10 : -1
}
