import { FifoQueue } from "../domain/FifoQueue.ts"
import type { InvocationRecord, LogEntry } from "./LogPipeline.ts"

/** What waits to be written, oldest first. */
export type LogItem =
  | { readonly _tag: "Line"; readonly entry: LogEntry }
  | { readonly _tag: "Record"; readonly record: InvocationRecord }

export interface BufferLimits {
  /** Log lines that may wait. */
  readonly lines: number
  /** What the waiting lines may come to, in characters (roughly). */
  readonly characters: number
}

/**
 * Lines and records on their way to the disk, in the order of their arrival. Pushing is constant in time and allocates a
 * node. When a line finds no room, the oldest lines make some and are counted; records are never dropped here: whoever
 * pushes them watches `records`.
 */
export class LogBuffer {
  readonly #limits: BufferLimits
  readonly #lines = new FifoQueue<Waiting<LogEntry>>()
  readonly #records = new FifoQueue<Waiting<InvocationRecord>>()
  #serial = 0
  #characters = 0
  #dropped = 0

  constructor(limits: BufferLimits) {
    this.#limits = limits
  }

  /** Lines that wait. */
  get lines(): number {
    return this.#lines.length
  }

  /** Records that wait. */
  get records(): number {
    return this.#records.length
  }

  get size(): number {
    return this.#lines.length + this.#records.length
  }

  pushLine(entry: LogEntry): void {
    const characters = sizeOf(entry)
    while (
      this.#lines.length > 0 &&
      (this.#lines.length >= this.#limits.lines || this.#characters + characters > this.#limits.characters)
    ) {
      this.#takeLine()
      this.#dropped += 1
    }
    this.#characters += characters
    this.#lines.push({ serial: this.#serial++, characters, item: entry })
  }

  pushRecord(record: InvocationRecord): void {
    this.#records.push({ serial: this.#serial++, characters: 0, item: record })
  }

  /** Lines dropped since this was asked last. */
  takeDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }

  /** The oldest `most` items, taken out. */
  take(most: number): ReadonlyArray<LogItem> {
    const items: Array<LogItem> = []
    while (items.length < most) {
      const line = this.#lines.head?.serial ?? Infinity
      const record = this.#records.head?.serial ?? Infinity
      if (line === Infinity && record === Infinity) break
      if (line < record) {
        const entry = this.#takeLine()
        if (entry !== undefined) items.push({ _tag: "Line", entry })
      } else {
        const waiting = this.#records.shift()
        if (waiting !== null) items.push({ _tag: "Record", record: waiting.item })
      }
    }
    return items
  }

  /** All records, taken out; the lines stay. */
  takeRecords(): ReadonlyArray<InvocationRecord> {
    const records: Array<InvocationRecord> = []
    for (let waiting = this.#records.shift(); waiting !== null; waiting = this.#records.shift()) {
      records.push(waiting.item)
    }
    return records
  }

  #takeLine(): LogEntry | undefined {
    const waiting = this.#lines.shift()
    if (waiting !== null) this.#characters -= waiting.characters
    return waiting?.item
  }
}

interface Waiting<A> {
  readonly serial: number
  readonly characters: number
  readonly item: A
}

/** Every line has this much besides its texts. */
const overhead = 200

const sizeOf = (entry: LogEntry): number =>
  overhead + entry.message.length + (entry.stack?.length ?? 0) + valueSize(entry.metadata, 3)

/** Roughly; what lies deeper than `depth` counts as a page, so that nothing large hides there. */
const valueSize = (value: unknown, depth: number): number => {
  if (typeof value === "string") return value.length
  if (typeof value !== "object" || value === null) return 8
  if (depth === 0) return 4096
  let size = 0
  for (const [key, member] of Object.entries(value)) size += key.length + valueSize(member, depth - 1)
  return size
}
