const decoder = new TextDecoder()

/** The beginning and the end of what a process printed, for diagnosis: 8 KiB each, whatever came between is counted. */
export class BoundedText {
  readonly #most: number
  #first = new Uint8Array(0)
  #last = new Uint8Array(0)
  #total = 0

  constructor(mostBytes = 8_192) {
    this.#most = mostBytes
  }

  get totalBytes(): number {
    return this.#total
  }

  add(chunk: Uint8Array): void {
    this.#total += chunk.length
    const room = this.#most - this.#first.length
    if (room > 0) this.#first = joined(this.#first, chunk.subarray(0, room))
    const rest = chunk.subarray(Math.max(0, room))
    if (rest.length > 0) this.#last = joined(this.#last, rest.subarray(-this.#most)).slice(-this.#most)
  }

  text(): string {
    const cut = this.#total - this.#first.length - this.#last.length
    const between = cut > 0 ? `\n… ${cut} bytes cut …\n` : ""
    return decoder.decode(this.#first) + between + decoder.decode(this.#last)
  }
}

const joined = (a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> => {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
