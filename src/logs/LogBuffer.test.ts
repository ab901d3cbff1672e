import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LogBuffer } from "./LogBuffer.ts"
import type { InvocationRecord, LogEntry } from "./LogPipeline.ts"

const entry = (n: number, length = 1): LogEntry => ({ at: n, level: "info", message: "x".repeat(length) })
const record = (n: number): InvocationRecord => ({
  at: n,
  invocationId: `i${n}`,
  functionId: "func-0000000000000000",
  functionName: "hello",
  version: "v1",
  workerId: null,
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

type Step =
  | { readonly _tag: "Line"; readonly length: number }
  | { readonly _tag: "Record" }
  | { readonly _tag: "Take"; readonly most: number }
  | { readonly _tag: "TakeRecords" }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ _tag: fc.constant("Line" as const), length: fc.integer({ min: 0, max: 300 }) })
  },
  { weight: 4, arbitrary: fc.constant({ _tag: "Record" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constant("Take" as const), most: fc.integer({ min: 0, max: 20 }) })
  },
  { weight: 1, arbitrary: fc.constant({ _tag: "TakeRecords" as const }) }
)

describe("LogBuffer", () => {
  it("keeps its bounds and the order, loses no record, and counts every line it drops", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 200, max: 3000 }),
        (steps, lines, characters) => {
          const buffer = new LogBuffer({ lines, characters })
          let n = 0
          let pushedLines = 0
          let takenLines = 0
          let dropped = 0
          const pushedRecords: Array<number> = []
          const takenRecords: Array<number> = []
          const take = (most: number) => {
            const items = buffer.take(most)
            const order = items.map((item) => (item._tag === "Line" ? item.entry.at : item.record.at))
            expect(order).toEqual([...order].sort((a, b) => a - b))
            expect(items.length).toBeLessThanOrEqual(most)
            takenLines += items.filter(({ _tag }) => _tag === "Line").length
            takenRecords.push(...items.flatMap((item) => (item._tag === "Record" ? [item.record.at] : [])))
          }
          for (const next of steps) {
            switch (next._tag) {
              case "Line":
                buffer.pushLine(entry(n++, next.length))
                pushedLines++
                break
              case "Record":
                pushedRecords.push(n)
                buffer.pushRecord(record(n++))
                break
              case "Take":
                take(next.most)
                break
              case "TakeRecords":
                takenRecords.push(...buffer.takeRecords().map(({ at }) => at))
            }
            expect(buffer.lines).toBeLessThanOrEqual(lines)
            expect(buffer.records).toBe(pushedRecords.length - takenRecords.length)
            dropped += buffer.takeDropped()
          }
          take(Infinity)
          expect(buffer.size).toBe(0)
          expect(takenRecords).toEqual(pushedRecords)
          expect(takenLines + dropped).toBe(pushedLines)
        }
      )
    )
  })

  it("drops the oldest lines first", () => {
    const buffer = new LogBuffer({ lines: 2, characters: 1_000_000 })
    for (const n of [1, 2, 3]) buffer.pushLine(entry(n))
    buffer.pushRecord(record(4))
    expect(buffer.take(10).map((item) => (item._tag === "Line" ? item.entry.at : "record"))).toEqual([
      2,
      3,
      "record"
    ])
    expect(buffer.takeDropped()).toBe(1)
    expect(buffer.takeDropped()).toBe(0)
  })

  it("is bounded in characters, metadata and stack included; a line larger than all of it is kept alone", () => {
    const buffer = new LogBuffer({ lines: 100, characters: 1000 })
    buffer.pushLine(entry(1))
    buffer.pushLine({ ...entry(2), metadata: { deep: { text: "y".repeat(700) } } })
    expect(buffer.lines).toBe(1)
    buffer.pushLine({ ...entry(3), stack: "z".repeat(700) })
    expect(buffer.lines).toBe(1)
    buffer.pushLine(entry(4, 5000))
    expect(buffer.lines).toBe(1)
    buffer.pushLine(entry(5))
    expect(buffer.take(10)).toMatchObject([{ entry: { at: 5 } }])
    expect(buffer.takeDropped()).toBe(4)
  })
})
