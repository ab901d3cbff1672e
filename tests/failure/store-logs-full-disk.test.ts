import { Context, Effect, Exit, Layer, Scope } from "effect"
import { readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { layerWith } from "../../src/logs/JsonlLogPipeline.ts"
import { type InvocationRecord, LogPipeline } from "../../src/logs/LogPipeline.ts"
import { tinyFileSystem } from "../support/Mounts.ts"
import { configLayer } from "../support/TemporaryData.ts"

const at = Date.UTC(2026, 0, 27)
const record = (n: number): InvocationRecord => ({
  at,
  invocationId: `i-${n}`,
  functionId: "func-0000000000000000",
  functionName: "hello",
  version: "v1",
  workerId: "w1",
  outcome: "ok",
  status: 200,
  code: null,
  detail: null,
  ending: null,
  coldStart: null,
  queueMs: 0,
  executionMs: 1,
  logLinesCut: 0
})

/** All lines of a file that are whole; a reader skips one that was cut off. */
const linesOf = (path: string): ReadonlyArray<Record<string, unknown>> =>
  readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line)]
      } catch {
        return []
      }
    })

const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  })

/** A pipeline on a disk that is full but for some bytes. */
const onFullDisk = <A, E>(
  bytesLeft: number,
  highWater: number,
  body: (opened: {
    readonly pipeline: Context.Tag.Service<LogPipeline>
    readonly printed: Array<string>
    readonly file: string
    readonly makeRoom: () => void
    readonly close: Effect.Effect<void>
  }) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const mounted = yield* tinyFileSystem(4096)
        const printed: Array<string> = []
        const scope = yield* Scope.make()
        yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
        const context = yield* Layer.build(
          layerWith({ console: { write: (text) => void printed.push(text), colour: false }, highWater }).pipe(
            Layer.provide(configLayer(mounted, { logsDir: mounted, logLevel: "warn" }))
          )
        ).pipe(Scope.extend(scope))
        const ballast = join(mounted, "ballast")
        const { bavail, bsize } = statfsSync(mounted)
        writeFileSync(ballast, Buffer.alloc(bavail * bsize - bytesLeft))
        return yield* body({
          pipeline: Context.get(context, LogPipeline),
          printed,
          file: join(mounted, "2026-01-27.jsonl"),
          makeRoom: () => rmSync(ballast),
          close: Scope.close(scope, Exit.void)
        })
      })
    )
  )

const warnings = (printed: ReadonlyArray<string>) =>
  printed.filter((line) => line.includes("cannot be written"))

describe("log files on a full disk", () => {
  it("are waited for: one warning, every record exactly once, every lost line counted", () =>
    onFullDisk(64 * 1024, 16_384, ({ close, file, makeRoom, pipeline, printed }) =>
      Effect.gen(function* () {
        for (let n = 0; n < 1000; n++) {
          pipeline.record(record(n))
          pipeline.log({ at, level: "info", message: `line ${n}` })
        }
        yield* until(() => warnings(printed).length > 0)
        pipeline.log({ at, level: "info", message: "in the bad time" })
        makeRoom()
        // The next try is a second later.
        yield* until(() => printed.some((line) => line.includes("could not be written")))
        pipeline.log({ at, level: "info", message: "in better times" })
        yield* close

        expect(warnings(printed)).toHaveLength(1)
        expect(warnings(printed)[0]).toContain("the log files cannot be written (ENOSPC)")
        const lines = linesOf(file)
        const records = lines.filter(({ type }) => type === "invocation").map((line) => line["invocation_id"])
        expect(records).toHaveLength(1000)
        expect(new Set(records).size).toBe(1000)
        const messages = lines.filter(({ type }) => type === "log").map((line) => String(line["message"]))
        expect(messages).toContain("in better times")
        const notice = printed.find((line) => line.includes("could not be written")) ?? ""
        const lost = Number(/: (\d+) lines and 0 records were lost/.exec(notice)?.[1])
        expect(lost).toBeGreaterThan(0)
        expect(messages.filter((message) => /^line|bad time/.test(message)).length + lost).toBe(1001)
      })
    ))

  it("keep a bounded number of records, and count the rest", () =>
    onFullDisk(0, 100, ({ close, file, makeRoom, pipeline, printed }) =>
      Effect.gen(function* () {
        for (let n = 0; n < 1000; n++) pipeline.record(record(n))
        expect(warnings(printed)).toHaveLength(1)
        makeRoom()
        yield* until(() => printed.some((line) => line.includes("0 lines and 600 records were lost")))
        yield* close
        expect(linesOf(file).filter(({ type }) => type === "invocation")).toHaveLength(400)
      })
    ))

  it("do not keep the server from ending", () =>
    onFullDisk(0, 100, ({ close, pipeline, printed }) =>
      Effect.gen(function* () {
        pipeline.record(record(1))
        pipeline.log({ at, level: "error", message: "last words" })
        yield* close
        expect(printed.some((line) => line.includes("last words"))).toBe(true)
      })
    ))
})
