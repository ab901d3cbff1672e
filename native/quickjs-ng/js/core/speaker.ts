import { replaceEach } from "../webidl/primordials.ts"
import { log } from "./journal.ts"
import type { LogLevel } from "../wire/constants.ts"

/**
 * Whoever can log: an invocation, or the worker itself (id `""`). The console's state that would get mixed up between
 * invocations lives here: indentation and timers.
 */
export class Speaker {
  /** The id as a JSON string, quotes included. */
  readonly quotedId: string
  indent = ""
  timers: Map<string, number> | null = null

  constructor(quotedId: string) {
    this.quotedId = quotedId
  }

  /** One log message. */
  say(level: LogLevel, text: string, stack?: string): void {
    log(this.quotedId, level, this.indent === "" ? text : indented(text, this.indent), stack)
  }
}

const indented = (text: string, indent: string): string => indent + replaceEach(text, "\n", `\n${indent}`)
