import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { CaseFailure } from "../../model/Case.ts"
import type { Door, Fn } from "../Door.ts"

/** One line of a log file. */
export type LogEntry = Readonly<Record<string, unknown>>

/** The files of a log folder, by name, oldest first. */
export const logFiles = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".jsonl"))
      .toSorted()
  } catch {
    return []
  }
}

/** All whole lines of the log folder that have this text in them. A line that is no JSON is skipped. */
export const readLog = (folder: string, text = ""): ReadonlyArray<LogEntry> =>
  logFiles(folder).flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split("\n")
      .flatMap((line) => {
        if (line === "" || !line.includes(text)) return []
        try {
          return [JSON.parse(line) as LogEntry]
        } catch {
          return []
        }
      })
  )

/** What the log says of one function. */
export class Logs {
  readonly #folder: string
  readonly #fn: Fn

  constructor(fn: Fn) {
    this.#folder = logFolder(fn.door)
    this.#fn = fn
  }

  all(): ReadonlyArray<LogEntry> {
    return readLog(this.#folder, this.#fn.id)
  }

  records(): ReadonlyArray<LogEntry> {
    return this.all().filter(({ type }) => type === "invocation")
  }

  lines(): ReadonlyArray<LogEntry> {
    return this.all().filter(({ type }) => type === "log")
  }

  record(invocation: string): LogEntry | undefined {
    return this.records().find((entry) => entry["invocation_id"] === invocation)
  }

  linesOf(invocation: string): ReadonlyArray<LogEntry> {
    return this.lines().filter((entry) => entry["invocation_id"] === invocation)
  }

  /** Resolves once there is a record of this invocation. */
  untilRecord(invocation: string, limitMs?: number): Promise<LogEntry> {
    return this.#fn.door.until(
      `a record of the invocation ${invocation}`,
      () => this.record(invocation) ?? null,
      limitMs
    )
  }

  /** Resolves once the function has said this. */
  untilSaid(message: string, limitMs?: number): Promise<LogEntry> {
    return this.#fn.door.until(
      `the log line "${message}"`,
      () => this.lines().find((entry) => entry["message"] === message) ?? null,
      limitMs
    )
  }
}

/** Where a server's log files are; the case needs the trait `logs`. */
export const logFolder = (door: Door): string => {
  const folder = door.address.logsDir()
  if (folder === null) throw new CaseFailure("the server's log files cannot be read from here")
  return folder
}
