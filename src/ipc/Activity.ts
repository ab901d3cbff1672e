/**
 * Counts what is under way (requests without an answer, answers that were not written yet) and tells when nothing is.
 * What a shutdown waits for.
 */
export class Activity {
  #count = 0
  readonly #waiting = new Set<() => void>()

  get count(): number {
    return this.#count
  }

  begin(): void {
    this.#count += 1
  }

  end(): void {
    this.#count -= 1
    if (this.#count > 0) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const tell of waiting) tell()
  }

  /** Calls back once when nothing is under way, at once if that is now. The answer revokes it. */
  whenIdle(tell: () => void): () => void {
    if (this.#count === 0) {
      tell()
      return () => {}
    }
    this.#waiting.add(tell)
    return () => {
      this.#waiting.delete(tell)
    }
  }
}
