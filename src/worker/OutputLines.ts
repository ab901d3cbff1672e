/**
 * Lines of what a process prints beside the protocol. Longer ones are cut into pieces, so that a process that never ends
 * its line cannot make the server hold it.
 */
export class OutputLines {
  readonly #decoder = new TextDecoder()
  readonly #line: (text: string) => void
  readonly #longest: number
  #rest = ""

  constructor(line: (text: string) => void, longest = 16 * 1024) {
    this.#line = line
    this.#longest = longest
  }

  push(chunk: Uint8Array): void {
    this.#take(this.#decoder.decode(chunk, { stream: true }))
  }

  end(): void {
    this.#take(this.#decoder.decode())
    if (this.#rest !== "") this.#line(this.#rest)
    this.#rest = ""
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n")
    this.#rest = lines.pop() as string
    for (const line of lines) this.#line(this.#cut(line))
    this.#rest = this.#cut(this.#rest)
  }

  /** Says all pieces of a line but the last, which it gives. */
  #cut(line: string): string {
    let from = 0
    for (; line.length - from > this.#longest; from += this.#longest) {
      this.#line(line.slice(from, from + this.#longest))
    }
    return from === 0 ? line : line.slice(from)
  }
}
