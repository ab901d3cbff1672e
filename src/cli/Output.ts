import { Effect } from "effect"
import { CliFailure, ExitCode } from "./CliFailure.ts"

/** Writes the answer of a command to stdout, and waits until it is taken: a slow reader slows the command down. */
export const print = (data: string | Uint8Array): Effect.Effect<void, CliFailure> =>
  Effect.async((resume) => {
    process.stdout.write(data, (error) => resume(error ? writeFailed(error) : Effect.void))
  })

/** Writes a line for people to stderr: progress and remarks, which are not the answer. */
export const note = (line: string): Effect.Effect<void> =>
  Effect.sync(() => void process.stderr.write(`${line}\n`))

export const printJson = (value: unknown): Effect.Effect<void, CliFailure> =>
  print(`${JSON.stringify(value, null, 2)}\n`)

const writeFailed = (error: Error): Effect.Effect<never, CliFailure> =>
  "code" in error && error.code === "EPIPE"
    ? // The reader has seen enough (`| head`): that is no failure, and nothing is left to do.
      Effect.sync(() => process.exit(ExitCode.ok))
    : Effect.fail(
        new CliFailure({ exitCode: ExitCode.failed, what: `cannot write the output: ${error.message}` })
      )

/** Writes that nobody waits for must not bring the program down either. */
export const surviveClosedPipes = (): void => {
  process.stdout.on("error", () => {})
  process.stderr.on("error", () => {})
}

/** Rows under headings, each column as wide as its longest cell. */
export const table = (
  headings: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string => {
  const all = [headings, ...rows]
  const widths = headings.map((_, column) =>
    Math.max(...all.map((row) => Bun.stringWidth(row[column] ?? "")))
  )
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
    .concat("\n")
}

/** `840 B`, `2.1 kB`, `10.0 MB`. */
export const showBytes = (bytes: number): string =>
  bytes < 1000
    ? `${bytes} B`
    : bytes < 999_950
      ? `${(bytes / 1000).toFixed(1)} kB`
      : `${(bytes / 1e6).toFixed(1)} MB`

/** `840 ms`, `2.1 s`. */
export const showMillis = (millis: number): string =>
  millis < 999.5 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

/** An ISO 8601 instant, to the minute. */
export const showInstant = (iso: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 16)}Z` : iso

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

const PATIENCE_MS = 500
const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

/**
 * Says on stderr what is going on, once it has taken half a second: a line, or on a terminal a spinner that goes when it
 * is done.
 */
export const withProgress = <A, E, R>(
  label: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => startProgress(label)),
    () => effect,
    (stop) => Effect.sync(stop)
  )

const startProgress = (label: string): (() => void) => {
  const isTerminal = process.stderr.isTTY === true
  let frame = 0
  let spinner: ReturnType<typeof setInterval> | undefined
  const draw = () => void process.stderr.write(`\r${FRAMES[frame++ % FRAMES.length]} ${label}`)
  const patience = setTimeout(() => {
    if (!isTerminal) return void process.stderr.write(`${label}\n`)
    draw()
    spinner = setInterval(draw, 80)
  }, PATIENCE_MS)
  return () => {
    clearTimeout(patience)
    clearInterval(spinner)
    if (spinner !== undefined) process.stderr.write("\r\x1b[2K")
  }
}
