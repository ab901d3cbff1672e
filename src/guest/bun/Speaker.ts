import type { LogLevel } from "../../protocol/worker/Wire.ts"
import { cut, lastIndexIn } from "./Intrinsics.ts"
import type { Journal } from "./Journal.ts"

/** A line that grows past this without its newline is handed on in pieces of this length (characters). */
const MAX_PARTIAL_CHARS = 16 * 1024

/**
 * Whoever can log: an invocation, or the worker itself (id `""`). The console's state that would get mixed up between
 * invocations lives here: indentation, timers, unfinished lines of `process.stdout` and `process.stderr`.
 */
export class Speaker {
  /** The id as a JSON string, quotes included. */
  readonly quotedId: string
  readonly #journal: Journal
  indent = ""
  timers: Map<string, number> | null = null
  #out = ""
  #err = ""

  constructor(quotedId: string, journal: Journal) {
    this.quotedId = quotedId
    this.#journal = journal
  }

  /** One log message. */
  say(level: LogLevel, text: string, stack?: string): void {
    this.#journal.log(this.quotedId, level, this.indent === "" ? text : indented(text, this.indent), stack)
  }

  /** Text for standard output (info) or standard error (error); whole lines become log messages. */
  print(level: "info" | "error", text: string): void {
    let rest = level === "info" ? this.#out + text : this.#err + text
    const end = lastIndexIn(rest, "\n")
    if (end !== -1) {
      const lines = cut(rest, 0, end).split("\n")
      for (let i = 0; i < lines.length; i += 1) this.#journal.log(this.quotedId, level, lines[i] as string)
      rest = cut(rest, end + 1)
    }
    while (rest.length > MAX_PARTIAL_CHARS) {
      this.#journal.log(this.quotedId, level, cut(rest, 0, MAX_PARTIAL_CHARS))
      rest = cut(rest, MAX_PARTIAL_CHARS)
    }
    if (level === "info") this.#out = rest
    else this.#err = rest
  }

  /** Says what is left of lines that never got their newline. */
  finish(): void {
    if (this.#out !== "") this.print("info", "\n")
    if (this.#err !== "") this.print("error", "\n")
  }
}

const indented = (text: string, indent: string): string => indent + text.replaceAll("\n", `\n${indent}`)
