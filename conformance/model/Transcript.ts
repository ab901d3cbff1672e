/** Who said something: the suite, the target, or the suite about what happened (`exited with code 1`). */
export type Voice = "suite" | "target" | "note"

export interface TranscriptLine {
  /** Milliseconds since the case began. */
  readonly at: number
  readonly voice: Voice
  readonly text: string
}

const MOST_LINES = 400
const LONGEST_TEXT = 2_000

/** What went over the wires of one case, bounded: of more than 400 lines the first 100 and the newest 300 are kept. */
export class Transcript {
  readonly #began = performance.now()
  readonly #first: Array<TranscriptLine> = []
  readonly #last: Array<TranscriptLine> = []
  #cut = 0

  add(voice: Voice, text: string): void {
    const shown =
      text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}… [${text.length} characters]`
    const line = { at: performance.now() - this.#began, voice, text: shown }
    if (this.#first.length < MOST_LINES / 4) {
      this.#first.push(line)
      return
    }
    this.#last.push(line)
    if (this.#last.length > (MOST_LINES / 4) * 3) {
      this.#last.shift()
      this.#cut += 1
    }
  }

  lines(): ReadonlyArray<TranscriptLine> {
    const cut: ReadonlyArray<TranscriptLine> =
      this.#cut === 0 ? [] : [{ at: 0, voice: "note", text: `… ${this.#cut} lines cut …` }]
    return [...this.#first, ...cut, ...this.#last]
  }
}
