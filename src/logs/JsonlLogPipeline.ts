import { Clock, Effect, Layer, Schedule } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { consoleLines, isAtLeast } from "./ConsoleLines.ts"
import { LogBuffer, type LogItem } from "./LogBuffer.ts"
import { AppendFailed, LogFolder } from "./LogFolder.ts"
import { dayOf, logLine, recordLine } from "./LogLines.ts"
import { type InvocationRecord, type LogEntry, LogPipeline } from "./LogPipeline.ts"
import { StackMapper } from "./StackMapper.ts"

/** Where lines for people go. */
export interface LogConsole {
  readonly write: (text: string) => void
  readonly colour: boolean
}

export interface JsonlLogPipelineOptions {
  /** Prints entries at or above the server's `logLevel`. Null: nothing is printed. */
  readonly console: LogConsole | null
  /** Lines that may wait to be written; beyond them the oldest make room and are counted. Default: 65,536. */
  readonly maxLines?: number
  /** Records that may wait before they are written at once, by whoever brings the next one. Default: 16,384. */
  readonly highWater?: number
}

/** What came in within so long is written together. */
const GATHER = "100 millis"
/** So many waiting items are written without gathering more. */
const ENOUGH = 4096
/** Items that are formatted in one go; in between, other work gets its turn. */
const BATCH = 256
/** After a failed write, the next one is tried so much later. */
const PAUSE = "1 second"
/** Records that are kept while the disk takes none, in high-water marks; beyond them the newest are lost, counted. */
const KEPT_MARKS = 4
/** Characters that may wait in lines. */
const MAX_CHARACTERS = 32 * 1024 * 1024

const make = (options: JsonlLogPipelineOptions) =>
  Effect.gen(function* () {
    const { logLevel, logRetentionDays, logsDir } = yield* ServerConfig
    const clock = yield* Effect.clock
    const buffer = new LogBuffer({ lines: options.maxLines ?? 65_536, characters: MAX_CHARACTERS })
    const folder = new LogFolder(logsDir)
    const highWater = options.highWater ?? 16_384
    // Nothing ticks while nothing is logged (S-12): the flusher sleeps here until the first item opens the latch.
    const something = Effect.unsafeMakeLatch(false)
    const enough = Effect.unsafeMakeLatch(false)
    /** The pipeline's own words; they take no room from the functions'. */
    const notices: Array<LogEntry> = []
    const mapper = new StackMapper((bundlePath, bytes, limitBytes) => {
      const reason = `its source map has ${bytes} bytes, more than ${limitBytes}`
      notices.push(own("warn", `stacks of ${bundlePath} stay as they are: ${reason}`))
    })
    let isAwake = false
    let isFull = false
    /** What was lost since the disk stopped taking anything; null while it takes. */
    let lost: { lines: number; records: number; readonly reason: string } | null = null

    const print = (entry: LogEntry) => {
      if (options.console === null || !isAtLeast(entry.level, logLevel)) return
      options.console.write(consoleLines(entry, options.console.colour))
    }
    const own = (level: LogEntry["level"], message: string): LogEntry => ({
      at: clock.unsafeCurrentTimeMillis(),
      level,
      message
    })

    const wake = () => {
      if (!isAwake) {
        isAwake = true
        something.unsafeOpen()
      }
      if (!isFull && buffer.size >= ENOUGH) {
        isFull = true
        enough.unsafeOpen()
      }
    }

    /** Items that the disk did not take: lines are lost, counted; records wait for better times. */
    const failed = (error: unknown, items: ReadonlyArray<LogItem>) => {
      const cause = error instanceof AppendFailed ? error.cause : error
      const rest = error instanceof AppendFailed ? items.slice(error.lines) : items
      if (lost === null) {
        const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
        lost = { lines: 0, records: 0, reason }
        print(own("warn", `the log files cannot be written (${reason}); lines are lost until they can be`))
      }
      for (const item of rest) {
        if (item._tag === "Record") keepRecord(item.record)
        else lost.lines += 1
      }
    }
    const recovered = () => {
      if (lost === null) return
      const { lines, reason, records } = lost
      lost = null
      notices.push(
        own(
          "warn",
          `the log files could not be written (${reason}): ${lines} lines and ${records} records were lost`
        )
      )
    }

    const keepRecord = (record: InvocationRecord) => {
      if (lost !== null && buffer.records >= highWater * KEPT_MARKS) lost.records += 1
      else buffer.pushRecord(record)
    }

    const recordsNow = () => {
      const byDay = Map.groupBy(buffer.takeRecords(), (record) => dayOf(record.at))
      for (const [day, records] of byDay) {
        try {
          folder.appendNow(day, records.map(recordLine).join(""))
        } catch (error) {
          failed(
            error,
            records.map((record) => ({ _tag: "Record", record }))
          )
        }
      }
    }

    /** Prints an entry with its positions brought back to the sources, and makes its line. */
    const linesOf = async (entry: LogEntry): Promise<string> => {
      const { bundlePath, message, stack } = entry
      let shown = entry
      if (bundlePath !== undefined) {
        shown = { ...entry, message: await mapper.map(message, bundlePath) }
        if (stack !== undefined) shown = { ...shown, stack: await mapper.map(stack, bundlePath) }
      }
      print(shown)
      return logLine(shown)
    }

    const writeBatch = async (items: ReadonlyArray<LogItem>): Promise<void> => {
      const byDay = new Map<string, { text: string; readonly items: Array<LogItem> }>()
      for (const item of items) {
        const at = item._tag === "Line" ? item.entry.at : item.record.at
        const line =
          item._tag === "Record" ? recordLine(item.record) : await linesOf(item.entry).catch(cannotBeWritten)
        const day = dayOf(at)
        const part = byDay.get(day) ?? { text: "", items: [] }
        byDay.set(day, part)
        part.text += line
        part.items.push(item)
      }
      let broken = false
      for (const [day, part] of byDay) {
        try {
          await folder.append(day, part.text)
        } catch (error) {
          broken = true
          failed(error, part.items)
        }
      }
      if (!broken) recovered()
    }

    /** Metadata that runs in a circle, say, must not take the flusher with it. */
    const cannotBeWritten = (cause: unknown): string =>
      logLine(own("error", `a log entry could not be written down: ${String(cause)}`))

    // Two at once would mix up the order of the lines.
    const oneAtATime = yield* Effect.makeSemaphore(1)
    /** Writes what waits; false where the disk did not take it. */
    const flush = Effect.gen(function* () {
      const dropped = buffer.takeDropped()
      if (dropped > 0) {
        notices.push(
          own("warn", `${dropped} log lines were dropped: they came faster than they could be written`)
        )
      }
      // What comes in meanwhile is for the next time, lest this one never end.
      for (let left = buffer.size; left > 0 || notices.length > 0; left -= BATCH) {
        const ours = notices.splice(0).map((entry): LogItem => ({ _tag: "Line", entry }))
        const items = [...ours, ...buffer.take(Math.max(0, Math.min(BATCH, left)))]
        yield* Effect.promise(() => writeBatch(items))
        if (lost !== null) return false
      }
      return true
    }).pipe(Effect.uninterruptible, oneAtATime.withPermits(1))

    const flusher = Effect.gen(function* () {
      yield* something.await
      yield* Effect.raceFirst(Effect.sleep(GATHER), enough.await)
      isAwake = false
      isFull = false
      something.unsafeClose()
      enough.unsafeClose()
      if (yield* flush) return
      yield* Effect.sleep(PAUSE)
      wake()
    }).pipe(Effect.forever)

    const sweep = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      // A folder that cannot be read is reported by the writes into it.
      Effect.ignore(Effect.tryPromise(() => folder.sweep(now, logRetentionDays)))
    )

    // Closed after the flusher has ended: what was said until then is written. A disk that takes nothing ends it.
    yield* Effect.addFinalizer(() =>
      flush.pipe(Effect.repeat({ while: (taken) => taken && buffer.size > 0 }), Effect.asVoid)
    )
    yield* Effect.forkScoped(flusher)
    yield* Effect.forkScoped(Effect.repeat(sweep, Schedule.spaced("1 day")))

    return LogPipeline.of({
      log: (entry) => {
        buffer.pushLine(entry)
        wake()
      },
      record: (record) => {
        keepRecord(record)
        // While the disk is known to take nothing, trying at every call would only cost time.
        if (buffer.records >= highWater && lost === null) recordsNow()
        wake()
      },
      flushed: Effect.asVoid(flush)
    })
  })

/** Log lines and records in `{logsDir}/YYYY-MM-DD.jsonl`; lines for people where the options say. */
export const layerWith = (options: JsonlLogPipelineOptions): Layer.Layer<LogPipeline, never, ServerConfig> =>
  Layer.scoped(LogPipeline, make(options))

/** The same, printing to stderr, as `bunbase serve` does. */
export const layer: Layer.Layer<LogPipeline, never, ServerConfig> = Layer.suspend(() =>
  layerWith({
    console: {
      write: (text) => void process.stderr.write(text),
      colour: process.stderr.isTTY && process.env["NO_COLOR"] === undefined
    }
  })
)
