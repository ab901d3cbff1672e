const NEWLINE = 10
const MAX_LINE_BYTES = 64 * 1024 * 1024

/** Cuts a stream into lines. A line that is longer than any may be is not kept: its pieces are given as they come. */
export class LineCutter {
  readonly #line: (bytes: Buffer) => void
  readonly #long: (piece: Buffer) => void
  #pieces: Array<Buffer> = []
  #size = 0
  #isLong = false

  constructor(line: (bytes: Buffer) => void, long: (piece: Buffer) => void) {
    this.#line = line
    this.#long = long
  }

  push(chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#add(chunk.subarray(from, end))
      if (this.#isLong) this.#long(Buffer.from([NEWLINE]))
      else this.#line(this.#take())
      this.#isLong = false
      from = end + 1
    }
    this.#add(chunk.subarray(from))
  }

  #add(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.#size += piece.length
    this.#isLong ||= this.#size > MAX_LINE_BYTES
    if (this.#isLong) this.#long(this.#take())
  }

  #take(): Buffer {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0] : undefined
    const taken = bytes ?? Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#size = 0
    return taken
  }
}
