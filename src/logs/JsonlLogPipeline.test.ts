import { Chunk, Context, Effect, Exit, Layer, Scope, TestClock, TestContext } from "effect"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { configLayer, temporaryFolder } from "../../tests/support/TemporaryData.ts"
import type { ServerOptions } from "../config/ServerConfig.ts"
import { type JsonlLogPipelineOptions, layerWith } from "./JsonlLogPipeline.ts"
import { type InvocationRecord, type LogEntry, LogPipeline } from "./LogPipeline.ts"

const day = Date.UTC(2026, 0, 27)
const dayMs = 24 * 60 * 60 * 1000
const entry = (at: number, message: string, more: Partial<LogEntry> = {}): LogEntry => ({
  at,
  level: "info",
  message,
  ...more
})
const record = (at: number, more: Partial<InvocationRecord> = {}): InvocationRecord => ({
  at,
  invocationId: "i-1",
  functionId: "func-0000000000000000",
  functionName: "hello",
  version: "v1",
  workerId: "w1",
  outcome: "ok",
  status: 200,
  code: null,
  detail: null,
  ending: null,
  coldStart: { cause: "first", waitMs: 0, spare: false, spawnMs: 3.25, loadMs: 1 },
  queueMs: 0.12345,
  executionMs: 3,
  logLinesCut: 0,
  ...more
})

interface Opened {
  readonly pipeline: Context.Tag.Service<LogPipeline>
  readonly printed: Array<string>
  readonly logsDir: string
  /** The lines of a day's file, parsed. */
  readonly lines: (name?: string) => ReadonlyArray<unknown>
  /** Ends the pipeline; everything is written then. */
  readonly close: Effect.Effect<void>
}

const withPipeline = <A, E>(
  body: (opened: Opened) => Effect.Effect<A, E, Scope.Scope>,
  options: Partial<JsonlLogPipelineOptions> = {},
  server: Partial<ServerOptions> = {},
  prepare: (logsDir: string) => void = () => {}
) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const logsDir = join(folder, "logs")
        prepare(logsDir)
        const printed: Array<string> = []
        const scope = yield* Scope.make()
        yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
        const context = yield* Layer.build(
          layerWith({
            console: { write: (text) => void printed.push(text), colour: false },
            ...options
          }).pipe(Layer.provide(configLayer(folder, server)))
        ).pipe(Scope.extend(scope))
        return yield* body({
          pipeline: Context.get(context, LogPipeline),
          printed,
          logsDir,
          lines: (name = "2026-01-27") =>
            readFileSync(join(logsDir, `${name}.jsonl`), "utf8")
              .split("\n")
              .slice(0, -1)
              .map((line): unknown => JSON.parse(line)),
          close: Scope.close(scope, Exit.void)
        })
      })
    ).pipe(Effect.provide(TestContext.TestContext))
  )

const timers = Effect.map(TestClock.sleeps(), Chunk.size)

/** Waits for what real files and fibres lead to; the test's clock does not move meanwhile. */
const untilHolds = (condition: Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    const end = performance.now() + 5000
    while (!(yield* condition)) {
      if (performance.now() > end) throw new Error("what the test waits for did not come")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })
const until = (condition: () => boolean) => untilHolds(Effect.sync(condition))
const untilTimers = (count: number) => untilHolds(Effect.map(timers, (found) => found === count))

describe("JsonlLogPipeline", () => {
  it("writes lines and records in order, as JSON, and all of them when it closes", () =>
    withPipeline(({ close, lines, pipeline }) =>
      Effect.gen(function* () {
        pipeline.log(
          entry(day, 'a "quoted"\nline', {
            functionId: "func-0000000000000000",
            functionName: "hello",
            version: "v1",
            invocationId: "i-1",
            workerId: "w1",
            metadata: { n: 1, stack: "s" },
            stack: "s"
          })
        )
        pipeline.record(
          record(day + 1, {
            outcome: "error",
            status: null,
            code: "FN_004",
            detail: 'it "broke"\n',
            ending: { cause: "exit", exit_code: 3 }
          })
        )
        pipeline.log(entry(day + 2, "of the server"))
        yield* close
        expect(lines()).toEqual([
          {
            time: "2026-01-27T00:00:00.000Z",
            type: "log",
            level: "info",
            function_id: "func-0000000000000000",
            function: "hello",
            version: "v1",
            invocation_id: "i-1",
            worker_id: "w1",
            message: 'a "quoted"\nline',
            stack: "s",
            metadata: { n: 1 }
          },
          {
            time: "2026-01-27T00:00:00.001Z",
            type: "invocation",
            invocation_id: "i-1",
            function_id: "func-0000000000000000",
            function: "hello",
            version: "v1",
            worker_id: "w1",
            outcome: "error",
            code: "FN_004",
            detail: 'it "broke"\n',
            ended_by: "exit",
            exit_code: 3,
            cold_start: true,
            start_cause: "first",
            start_wait_ms: 0,
            start_spare: false,
            start_spawn_ms: 3.25,
            start_load_ms: 1,
            queue_ms: 0.123,
            execution_ms: 3
          },
          { time: "2026-01-27T00:00:00.002Z", type: "log", level: "info", message: "of the server" }
        ])
      })
    ))

  it("gathers for 100 ms, and sleeps without a timer when there is nothing to write (S-12)", () =>
    withPipeline(({ lines, logsDir, pipeline }) =>
      Effect.gen(function* () {
        const file = join(logsDir, "2026-01-27.jsonl")
        // The retention's daily one, and no other.
        yield* untilTimers(1)
        pipeline.log(entry(day, "1"))
        yield* untilTimers(2)
        yield* TestClock.adjust("99 millis")
        expect(existsSync(file)).toBe(false)
        pipeline.log(entry(day, "2"))
        yield* TestClock.adjust("1 millis")
        yield* until(() => existsSync(file) && lines().length === 2)
        yield* untilTimers(1)
        yield* TestClock.adjust("1 hour")
        expect(yield* timers).toBe(1)
      })
    ))

  it("does not wait for the 100 ms when much has come", () =>
    withPipeline(({ lines, logsDir, pipeline }) =>
      Effect.gen(function* () {
        yield* Effect.yieldNow()
        for (let n = 0; n < 5000; n++) pipeline.record(record(day + n))
        yield* until(() => existsSync(join(logsDir, "2026-01-27.jsonl")) && lines().length === 5000)
      })
    ))

  it("drops the oldest lines when they come too fast, says how many, and loses no record", () =>
    withPipeline(
      ({ close, lines, pipeline }) =>
        Effect.gen(function* () {
          for (let n = 0; n < 30; n++) {
            pipeline.log(entry(day, `line ${n}`))
            pipeline.record(record(day, { invocationId: `i-${n}` }))
          }
          yield* close
          const written = lines() as ReadonlyArray<{ type: string; message?: string; invocation_id?: string }>
          expect(written.filter(({ type }) => type === "invocation").map((one) => one.invocation_id)).toEqual(
            Array.from({ length: 30 }, (_, n) => `i-${n}`)
          )
          expect(written.filter(({ type }) => type === "log").map((one) => one.message)).toEqual(
            Array.from({ length: 10 }, (_, n) => `line ${n + 20}`)
          )
        }),
      { maxLines: 10 }
    ))

  it("tells the count of dropped lines in the log itself", () =>
    withPipeline(
      ({ close, logsDir, pipeline, printed }) =>
        Effect.gen(function* () {
          for (let n = 0; n < 25; n++) pipeline.log(entry(day, `line ${n}`))
          yield* close
          expect(printed[0]).toContain("WARN  server 15 log lines were dropped")
          // It is itself a line of the day on which it was said.
          expect(readFileSync(join(logsDir, "1970-01-01.jsonl"), "utf8")).toContain(
            "15 log lines were dropped"
          )
        }),
      { maxLines: 10 }
    ))

  it("writes records at once, synchronously, when they reach the high-water mark", () =>
    withPipeline(
      ({ lines, pipeline }) =>
        Effect.sync(() => {
          // Not one turn of the event loop in between.
          for (let n = 0; n < 250; n++) pipeline.record(record(day, { invocationId: `i-${n}` }))
          expect(lines()).toHaveLength(200)
        }),
      { highWater: 100 },
      {},
      (logsDir) => mkdirSync(logsDir)
    ))

  it("puts an entry into the file of its own day", () =>
    withPipeline(({ close, lines, pipeline }) =>
      Effect.gen(function* () {
        pipeline.log(entry(day - 1, "before midnight"))
        pipeline.log(entry(day, "midnight"))
        yield* close
        expect(lines("2026-01-26")).toMatchObject([{ message: "before midnight" }])
        expect(lines("2026-01-27")).toMatchObject([{ message: "midnight" }])
      })
    ))

  it("appends to what is there", () =>
    withPipeline(
      ({ close, lines, pipeline }) =>
        Effect.gen(function* () {
          pipeline.log(entry(day, "new"))
          yield* close
          expect(lines()).toMatchObject([{ message: "old" }, { message: "new" }])
        }),
      {},
      {},
      (logsDir) => {
        mkdirSync(logsDir)
        writeFileSync(join(logsDir, "2026-01-27.jsonl"), '{"message":"old"}\n')
      }
    ))

  it("removes files older than the retention, at the start and every day, and nothing else", () =>
    withPipeline(
      ({ logsDir }) =>
        Effect.gen(function* () {
          const names = () => readdirSync(logsDir).sort()
          yield* until(() => names().length === 4)
          expect(names()).toEqual(["1970-01-01.jsonl", "1970-01-02.jsonl", "1970-01-03.jsonl", "notes.txt"])
          // It has looked, and waits for the next day.
          yield* untilTimers(1)
          // The test's clock begins at the epoch.
          yield* TestClock.adjust(4 * dayMs)
          yield* until(() => names().length === 2)
          expect(names()).toEqual(["1970-01-03.jsonl", "notes.txt"])
        }),
      {},
      { logRetentionDays: 2 },
      (logsDir) => {
        mkdirSync(logsDir)
        for (const name of ["1969-12-29", "1970-01-01", "1970-01-02", "1970-01-03"]) {
          writeFileSync(join(logsDir, `${name}.jsonl`), "")
        }
        writeFileSync(join(logsDir, "notes.txt"), "")
      }
    ))

  it("prints what is at or above the level, for people; the file has everything", () =>
    withPipeline(
      ({ close, lines, pipeline, printed }) =>
        Effect.gen(function* () {
          for (const level of ["debug", "info", "warn", "error"] as const) {
            pipeline.log(entry(day, `a ${level}`, { level, functionName: "hello", version: "v1" }))
          }
          yield* close
          expect(printed.map((line) => line.slice(13).trimEnd())).toEqual([
            "WARN  hello@v1 a warn",
            "ERROR hello@v1 a error"
          ])
          expect(lines()).toHaveLength(4)
        }),
      {},
      { logLevel: "warn" }
    ))

  it("maps positions of the bundle in message and stack", () =>
    withPipeline(({ close, lines, logsDir, pipeline, printed }) =>
      Effect.gen(function* () {
        const bundlePath = join(logsDir, "bundle.js")
        mkdirSync(logsDir, { recursive: true })
        // one segment: generated 1:1 is src/a.ts 5:3
        writeFileSync(
          `${bundlePath}.map`,
          JSON.stringify({ version: 3, sources: ["src/a.ts"], names: [], mappings: "AAIE" })
        )
        pipeline.log(
          entry(day, `see ${bundlePath}:1:1`, {
            level: "error",
            bundlePath,
            stack: `Error: x\n    at f (${bundlePath}:1:8)`
          })
        )
        yield* close
        expect(lines()).toMatchObject([
          { message: "see src/a.ts:5:3", stack: "Error: x\n    at f (src/a.ts:5:3)" }
        ])
        expect(printed[0]).toContain("server see src/a.ts:5:3\n    Error: x\n    at f (src/a.ts:5:3)\n")
      })
    ))

  it("survives an entry that cannot be written as JSON", () =>
    withPipeline(({ close, lines, logsDir, pipeline }) =>
      Effect.gen(function* () {
        const circle: Record<string, unknown> = {}
        circle["self"] = circle
        pipeline.log(entry(day, "round", { metadata: circle }))
        pipeline.log(entry(day, "after"))
        yield* close
        expect(lines().at(-1)).toMatchObject({ message: "after" })
        expect(readdirSync(logsDir)).toEqual(["2026-01-27.jsonl"])
        expect(lines()[0]).toMatchObject({ message: expect.stringContaining("could not be written down") })
      })
    ))

  it("goes on in a new file when the folder is removed from outside", () =>
    withPipeline(({ close, lines, logsDir, pipeline }) =>
      Effect.gen(function* () {
        yield* untilTimers(1)
        pipeline.log(entry(day, "one"))
        yield* untilTimers(2)
        yield* TestClock.adjust("100 millis")
        yield* until(() => existsSync(join(logsDir, "2026-01-27.jsonl")) && lines().length === 1)
        rmSync(logsDir, { recursive: true })
        pipeline.log(entry(day, "two"))
        yield* close
        expect(lines()).toMatchObject([{ message: "two" }])
      })
    ))
})
