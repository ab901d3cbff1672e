import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { CaseFailure } from "../../model/Case.ts"
import type { Bench } from "../Bench.ts"
import { encodeFrame, FrameReader } from "../client/Frames.ts"
import { outcomeOf } from "./calls.ts"
import { httpGarbage, socketGarbage } from "./garbage.ts"
import { readLog } from "./Logs.ts"
import { judge, withLateness } from "./timing.ts"

const benchWith = (seen: Array<string>): Bench =>
  ({
    target: { options: { timeoutFactor: 1 } },
    context: { observe: (what: string) => void seen.push(what) }
  }) as unknown as Bench

const instant = { what: "FN_002", afterMs: 1000, withinMs: 100, early: "GR-012", late: "GR-013" }

describe("judging instants", () => {
  const judged = (took: ReadonlyArray<number>, lateMs = 0) => {
    const seen: Array<string> = []
    try {
      judge(benchWith(seen), instant, took, lateMs)
      return { seen, requirements: null }
    } catch (error) {
      return { seen, requirements: error instanceof CaseFailure ? error.requirements : error }
    }
  }

  it("takes what comes within the bound, and tells the figures", () => {
    const { requirements, seen } = judged([1001, 1050, 1099])
    expect(requirements).toBeNull()
    expect(seen).toEqual([
      "FN_002: 1001.0 to 1099.0 ms, in the middle 1050.0 ms, of 3; promised 1000 to 1100 ms, and 150.0 ms allowed for this machine"
    ])
  })

  it("refuses one that comes too early, however late the others are", () => {
    expect(judged([990, 1050, 1060]).requirements).toEqual(["GR-012"])
  })

  it("refuses when most come too late, and one that comes far too late", () => {
    expect(judged([1001, 1300, 1301]).requirements).toEqual(["GR-013"])
    expect(judged([1001, 1002, 3500]).requirements).toEqual(["GR-013"])
    expect(judged([1001, 1002, 1900]).requirements).toBeNull()
  })

  it("allows for what the machine was late itself", () => {
    expect(judged([1400], 0).requirements).toEqual(["GR-013"])
    expect(judged([1400], 100).requirements).toBeNull()
  })

  it("sees a machine that stands still", async () => {
    const { lateMs, value } = await withLateness(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      const until = performance.now() + 80
      while (performance.now() < until);
      await new Promise((resolve) => setTimeout(resolve, 20))
      return 7
    })
    expect(value).toBe(7)
    expect(lateMs).toBeGreaterThan(60)
  })
})

describe("garbage", () => {
  it("is the same for the same seed, and no other's", () => {
    const all = (of: typeof httpGarbage, seed: number) => Buffer.concat([...of(seed)]).toHex()
    expect(all(socketGarbage, 1) === all(socketGarbage, 1)).toBe(true)
    expect(all(httpGarbage, 1) === all(httpGarbage, 1)).toBe(true)
    expect(all(socketGarbage, 1) === all(socketGarbage, 2)).toBe(false)
  })

  it("is refused by the suite's own reader, or no whole frame, for the most part", () => {
    const whole = socketGarbage(1).filter((bytes) => {
      try {
        return new FrameReader().push(bytes).length > 0
      } catch {
        return false
      }
    })
    expect(whole.length).toBeLessThan(socketGarbage(1).length)
    expect(new FrameReader().push(encodeFrame({ id: 1n, code: 1 }))).toHaveLength(1)
  })
})

describe("the log's reader", () => {
  it("skips lines that are torn, and has those with a text, over all days", () => {
    const folder = mkdtempSync(join(tmpdir(), "bbc-logs-"))
    try {
      writeFileSync(join(folder, "2026-01-02.jsonl"), '{"n":2,"f":"x"}\n{"n":3,"f":"y"}\n{"n":4,"f":"x"')
      writeFileSync(join(folder, "2026-01-01.jsonl"), '{"n":1,"f":"x"}\n\n')
      writeFileSync(join(folder, "notes.txt"), '{"n":9,"f":"x"}\n')
      expect(readLog(folder, '"x"').map((line) => line["n"])).toEqual([1, 2])
      expect(readLog(join(folder, "nowhere"))).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe("an answer of the socket", () => {
  it("is an outcome, whether the handler answered or the server refused", () => {
    const body = Buffer.from("hi").toString("base64")
    expect(outcomeOf({ success: true, status: 201, body, execution_id: "i" }, null)).toMatchObject({
      status: 201,
      code: null,
      text: "hi",
      invocation: "i"
    })
    const problem = { status: 429, code: "FN_007", retryable: true, retry_after_seconds: 2, detail: "full" }
    expect(outcomeOf({ code: "FN_007", error: "full" }, problem)).toMatchObject({
      status: 429,
      code: "FN_007",
      retryAfter: "2",
      detail: "full"
    })
  })
})
