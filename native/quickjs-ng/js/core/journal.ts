import type { LogLevel } from "../wire/constants.ts"
import { logLine } from "./lines.ts"
import { sendInTurn, takeBack } from "./backlog.ts"
import { native } from "./native.ts"

let dropped = 0

/**
 * A log message on its way to the host: at once, in order, never without bound, never dropped silently. While the
 * host does not read, lines are dropped, and counted.
 */
export const log = (quotedId: string, level: LogLevel, message: string, stack?: string): void => {
  if (native.isClogged()) {
    dropped += 1
    // as soon as the host has read on, and before any answer that waits for that, too
    if (dropped === 1) sendInTurn(confess, confess)
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
  takeBack(confess)
  native.send(logLine('""', "warn", text))
}
