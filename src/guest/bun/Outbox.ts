import { lengthOf, part } from "../../protocol/worker/OwnBytes.ts"
import { utf8 } from "./Intrinsics.ts"
import type { Transport } from "./Transport.ts"

const { nanoseconds, sleepSync } = Bun
const { queueMicrotask } = globalThis

/** Text that waits for company is written when it has grown to this many characters. */
const JOIN_CHARS = 64 * 1024

/**
 * Lines on their way to the host, in order. What the transport does not take waits here. Answers are bounded by what is in
 * flight; log lines are not, so whoever sends those looks at `backlog` first.
 */
export class Outbox {
  #transport: Transport | null = null
  #text = ""
  /** Bytes that the transport did not take, oldest first; what follows them is still in `#text`. */
  #bytes: Uint8Array | null = null
  #corked = false
  #scheduled = false
  #full = false
  #whenEmpty: (() => void) | null = null

  /** What the transport has not taken: bytes, and characters that are not encoded yet. */
  get backlog(): number {
    return (this.#bytes === null ? 0 : lengthOf(this.#bytes)) + this.#text.length
  }

  attach(transport: Transport): void {
    this.#transport = transport
    this.#flush()
  }

  /** While corked, `send` collects: the answers to one chunk of the host's leave in one write. */
  cork(): void {
    this.#corked = true
  }

  uncork(): void {
    this.#corked = false
    if (this.#text !== "") this.#flush()
  }

  /** Puts a line (with its newline) behind the others. Lines of the same moment leave in one write. */
  send(line: string): void {
    this.#text += line
    if (this.#text.length > JOIN_CHARS) this.#flush()
    else if (!this.#corked && !this.#scheduled) {
      this.#scheduled = true
      queueMicrotask(this.#later)
    }
  }

  /** For a line that may not wait: what was logged has to be out before a loop that never ends. */
  sendNow(line: string): void {
    this.#text += line
    this.#flush()
  }

  /** Calls back once, as soon as everything has left the process. */
  whenEmpty(callback: () => void): void {
    this.#whenEmpty = callback
    this.#flush()
  }

  /** The transport has room again. */
  drained(): void {
    this.#full = false
    this.#flush()
  }

  /** For the end of the process: tries for at most `limitMs` to hand everything over, without the event loop. */
  flushBlocking(limitMs: number): void {
    const end = nanoseconds() + limitMs * 1e6
    for (;;) {
      const before = this.backlog
      this.#full = false
      this.#flush()
      if (this.backlog === 0 || nanoseconds() > end) return
      if (this.backlog === before) sleepSync(1)
    }
  }

  readonly #later = (): void => {
    this.#scheduled = false
    if (this.#text !== "") this.#flush()
  }

  #flush(): void {
    const transport = this.#transport
    if (transport === null || this.#full) return
    if (this.#bytes !== null && !this.#write(transport, this.#bytes)) return
    if (this.#text !== "") {
      const bytes = utf8(this.#text)
      this.#text = ""
      if (!this.#write(transport, bytes)) return
    }
    if (this.#whenEmpty !== null && transport.settled()) {
      const callback = this.#whenEmpty
      this.#whenEmpty = null
      callback()
    }
  }

  /** Whether the transport took all of it; keeps the rest. */
  #write(transport: Transport, bytes: Uint8Array): boolean {
    const written = transport.write(bytes)
    const size = lengthOf(bytes)
    if (written === size) {
      this.#bytes = null
      return true
    }
    this.#bytes = part(bytes, written, size)
    this.#full = true
    return false
  }
}
