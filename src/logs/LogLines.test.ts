import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Schema } from "effect"
import { START_CAUSES } from "../domain/ColdStart.ts"
import { END_CAUSES } from "../domain/EndCause.ts"
import { LogFileLine, LogFileRecord } from "../protocol/LogFile.ts"
import { dayOf, logLine, recordLine, timeOf } from "./LogLines.ts"
import type { InvocationRecord, LogEntry } from "./LogPipeline.ts"

describe("timeOf and dayOf", () => {
  it("are what the platform says, in any order of instants", () => {
    const near = Date.UTC(2026, 0, 27)
    const instant = fc.oneof(
      fc.integer({ min: near - 3000, max: near + 3000 }),
      fc
        .date({ noInvalidDate: true, min: new Date(-1e12), max: new Date(8e12) })
        .map((date) => date.getTime())
    )
    fc.assert(
      fc.property(fc.array(instant, { maxLength: 20 }), (instants) => {
        for (const at of instants) {
          expect(timeOf(at)).toBe(new Date(at).toISOString())
          expect(dayOf(at)).toBe(new Date(at).toISOString().slice(0, 10))
        }
      })
    )
  })

  it("takes instants between two milliseconds", () => {
    expect(timeOf(Date.UTC(2026, 0, 27) + 7.9)).toBe("2026-01-27T00:00:00.007Z")
  })
})

describe("a line of the log", () => {
  // as the JSON Schemas of the specification have them: what is generated from these
  const at = fc.integer({ min: 0, max: 4e12 })
  const text = fc.string({ unit: "binary" })
  const token = fc.stringMatching(/^[a-z0-9-]{1,12}$/)

  it("is what the specification says of log lines", () => {
    const entry = fc.record(
      {
        at,
        level: fc.constantFrom<LogEntry["level"]>("debug", "info", "warn", "error"),
        message: text,
        functionId: token,
        functionName: token,
        version: token,
        invocationId: text,
        workerId: token,
        metadata: fc.dictionary(token, fc.jsonValue()),
        stack: text
      },
      { requiredKeys: ["at", "level", "message"] }
    )
    fc.assert(
      fc.property(entry, (one) => {
        const line = logLine(one)
        expect(line.indexOf("\n")).toBe(line.length - 1)
        const read = Schema.decodeUnknownSync(LogFileLine, { onExcessProperty: "error" })(JSON.parse(line))
        expect(read.message).toBe(one.message)
      })
    )
  })

  it("is what the specification says of records", () => {
    const record: fc.Arbitrary<InvocationRecord> = fc.record({
      at,
      invocationId: text,
      functionId: token,
      functionName: token,
      version: token,
      workerId: fc.option(token),
      outcome: fc.constantFrom("ok", "error", "cancelled"),
      status: fc.option(fc.integer({ min: 200, max: 599 })),
      code: fc.option(fc.constantFrom("FN_002", "FN_004")),
      detail: fc.option(text),
      ending: fc.option(
        fc.record(
          {
            cause: fc.constantFrom(...END_CAUSES),
            exit_code: fc.nat(255),
            signal: fc.constantFrom("SIGKILL", "SIGSEGV"),
            limit_ms: fc.nat(),
            limit_mb: fc.nat(),
            phase: fc.constantFrom("queue" as const, "run" as const)
          },
          { requiredKeys: ["cause"] }
        )
      ),
      coldStart: fc.option(
        fc.record({
          cause: fc.constantFrom(...START_CAUSES),
          spare: fc.boolean(),
          waitMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
          spawnMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
          loadMs: fc.double({ min: 0, max: 1e6, noNaN: true })
        })
      ),
      queueMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      executionMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      logLinesCut: fc.nat()
    })
    fc.assert(
      fc.property(record, (one) => {
        const line = recordLine(one)
        expect(line.indexOf("\n")).toBe(line.length - 1)
        const read = Schema.decodeUnknownSync(LogFileRecord, { onExcessProperty: "error" })(JSON.parse(line))
        expect(read).toMatchObject({ invocation_id: one.invocationId, outcome: one.outcome })
      })
    )
  })
})
