import type { LogLevel } from "../../protocol/worker/Wire.ts"
import { logLine } from "./Lines.ts"
import type { Outbox } from "./Outbox.ts"

/** Log lines are dropped, and counted, while the host leaves this many bytes unread. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024

/** Log messages on their way to the host: at once, in order, never without bound, never dropped silently. */
export class Journal {
  readonly #outbox: Outbox
  #dropped = 0

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  log(quotedId: string, level: LogLevel, message: string, stack?: string): void {
    if (this.#outbox.backlog > MAX_BACKLOG_BYTES) {
      this.#dropped += 1
      return
    }
    if (this.#dropped > 0) this.confess()
    this.#outbox.sendNow(logLine(quotedId, level, message, stack))
  }

  /** Says how many lines were dropped, if any were. */
  confess(): void {
    if (this.#dropped === 0) return
    const text = `${this.#dropped} log lines were dropped because the host did not read them in time`
    this.#dropped = 0
    this.#outbox.sendNow(logLine('""', "warn", text))
  }
}
