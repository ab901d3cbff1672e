import type { LogLevel } from "../wire/constants.ts"
import { logLine } from "./lines.ts"
import { native } from "./native.ts"

/** Log lines are dropped, and counted, while the host leaves this many bytes unread. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024

let dropped = 0

/** A log message on its way to the host: at once, in order, never without bound, never dropped silently. */
export const log = (quotedId: string, level: LogLevel, message: string, stack?: string): void => {
  if (native.queuedBytes() > MAX_BACKLOG_BYTES) {
    dropped += 1
    return
  }
  if (dropped > 0) confess()
  native.send(logLine(quotedId, level, message, stack))
  native.flush()
}

/** Says how many lines were dropped, if any were. */
export const confess = (): void => {
  if (dropped === 0) return
  const text = `${dropped} log lines were dropped because the host did not read them in time`
  dropped = 0
  native.send(logLine('""', "warn", text))
}
