import { closeSync, openSync, writeSync } from "node:fs"
import { mkdir, open, readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { dayOf } from "./LogLines.ts"

const filePattern = /^(\d{4}-\d\d-\d\d)\.jsonl$/
const newline = 0x0a
const dayMs = 24 * 60 * 60 * 1000

interface Writing {
  readonly bytes: Buffer
  /** Bytes that are written. */
  at: number
  /** 1 where the bytes begin with a newline that ends an older line. */
  readonly repair: number
}

/** The disk did not take all lines. */
export class AppendFailed {
  /** Lines that it took wholly: they must not be written again. */
  readonly lines: number
  readonly cause: unknown

  constructor({ at, bytes, repair }: Writing, cause: unknown) {
    let lines = 0
    for (
      let index = bytes.indexOf(newline);
      index !== -1 && index < at;
      index = bytes.indexOf(newline, index + 1)
    ) {
      lines += 1
    }
    this.lines = Math.max(0, lines - repair)
    this.cause = cause
  }
}

/**
 * The folder of daily log files. A file is opened for each write and appended to with O_APPEND: rotating or removing it
 * from outside is safe at any time. Not flushed to the disk: a log line is no promise that has to outlive a power cut.
 */
export class LogFolder {
  readonly #path: string
  /** Days whose last write ended in the middle of a line. */
  readonly #torn = new Set<string>()

  constructor(path: string) {
    this.#path = path
  }

  /** Appends lines, each with its newline, to a day's file. Fails with `AppendFailed` alone. */
  async append(day: string, lines: string): Promise<void> {
    const writing = this.#begin(day, lines)
    try {
      await using file = await this.#open(day)
      while (writing.at < writing.bytes.length) {
        writing.at += (await file.write(writing.bytes, writing.at)).bytesWritten
      }
    } catch (cause) {
      throw new AppendFailed(writing, cause)
    } finally {
      this.#end(day, writing)
    }
  }

  /** The same, without giving way to anything else. For records that must not wait any longer. */
  appendNow(day: string, lines: string): void {
    const writing = this.#begin(day, lines)
    try {
      const descriptor = openSync(this.#fileOf(day), "a", 0o600)
      try {
        while (writing.at < writing.bytes.length) {
          writing.at += writeSync(descriptor, writing.bytes, writing.at)
        }
      } finally {
        closeSync(descriptor)
      }
    } catch (cause) {
      throw new AppendFailed(writing, cause)
    } finally {
      this.#end(day, writing)
    }
  }

  /** Removes the files of days that lie more than `days` before `now`. Other files are nobody's business here. */
  async sweep(now: number, days: number): Promise<void> {
    const oldest = dayOf(now - days * dayMs)
    for (const name of await readdir(this.#path)) {
      const day = filePattern.exec(name)?.[1]
      if (day !== undefined && day < oldest) await rm(join(this.#path, name), { force: true })
    }
  }

  #fileOf(day: string): string {
    return join(this.#path, `${day}.jsonl`)
  }

  async #open(day: string) {
    try {
      return await open(this.#fileOf(day), "a", 0o600)
    } catch {
      await mkdir(this.#path, { recursive: true, mode: 0o700 })
      return await open(this.#fileOf(day), "a", 0o600)
    }
  }

  #begin(day: string, lines: string): Writing {
    // A reader skips a line that is cut off; the next one must not be glued to it.
    const repair = this.#torn.has(day) ? 1 : 0
    return { bytes: Buffer.from(repair === 0 ? lines : `\n${lines}`), at: 0, repair }
  }

  #end(day: string, { at, bytes }: Writing): void {
    if (at === 0) return
    if (bytes[at - 1] === newline) this.#torn.delete(day)
    else this.#torn.add(day)
  }
}
