import type { MonotonicClock } from "../domain/MonotonicClock.ts"

export interface LineBounds {
  /** Lines of one kind that are said within a window. */
  readonly lines: number
  /** What the lines of one kind within a window may come to; without it their length does not matter. */
  readonly bytes?: number
  /** Milliseconds, from the first line of a kind on. */
  readonly windowMs: number
}

interface Window<Subject> {
  said: number
  bytes: number
  leftOut: number
  /** Of the last line that was left out. */
  subject: Subject
  readonly revoke: () => void
}

/**
 * Keeps a flood of lines of one kind from drowning everything else: so many are said per window, the others are counted, and
 * the count is told once the window is over, also when nothing follows. Holds something only for the kinds of which
 * a window is open.
 */
export class LineBound<Subject> {
  readonly #clock: MonotonicClock["Type"]
  readonly #bounds: LineBounds
  readonly #tell: (leftOut: number, subject: Subject) => void
  readonly #windows = new Map<string, Window<Subject>>()

  /** `tell` hears how many lines of a kind were left out, with the subject of the last of them. */
  constructor(
    clock: MonotonicClock["Type"],
    bounds: LineBounds,
    tell: (leftOut: number, subject: Subject) => void
  ) {
    this.#clock = clock
    this.#bounds = bounds
    this.#tell = tell
  }

  /** Kinds of which a window is open. */
  get open(): number {
    return this.#windows.size
  }

  /** Whether a line of this kind, of so many bytes, is to be said; if not, it has been counted. */
  admits(kind: string, subject: Subject, bytes = 0): boolean {
    let window = this.#windows.get(kind)
    if (window === undefined) {
      const revoke = this.#clock.after(this.#bounds.windowMs, () => this.#end(kind))
      window = { said: 0, bytes: 0, leftOut: 0, subject, revoke }
      this.#windows.set(kind, window)
    }
    window.bytes += bytes
    if (window.said < this.#bounds.lines && window.bytes <= (this.#bounds.bytes ?? Infinity)) {
      window.said += 1
      return true
    }
    window.leftOut += 1
    window.subject = subject
    return false
  }

  /** Ends all windows now. */
  close(): void {
    for (const kind of [...this.#windows.keys()]) this.#end(kind)
  }

  #end(kind: string): void {
    const window = this.#windows.get(kind)
    if (window === undefined) return
    this.#windows.delete(kind)
    window.revoke()
    if (window.leftOut > 0) this.#tell(window.leftOut, window.subject)
  }
}
