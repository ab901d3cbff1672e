import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { main } from "../main.ts"
import type { RunResult } from "../model/Result.ts"
import { terminalReport } from "../report/terminal.ts"
import { loadRequirements } from "../Requirements.ts"
import { catalogue } from "./catalogue.ts"
import { buildClockShim } from "./clockShim.ts"
import { faultCase } from "./Fault.ts"

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bbc-faults-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const conformance = async (...args: ReadonlyArray<string>) => {
  let out = ""
  let err = ""
  const none = () => Promise.reject(new Error("no target is started for this"))
  const code = await main(["faults", ...args], {
    suites: { requirements: () => Promise.resolve(new Map()), worker: none, server: none, faults: none },
    path: "bunbase conformance",
    out: (text) => {
      out += text
      return Promise.resolve()
    },
    color: false,
    screen: { isTerminal: false, columns: 80, write: (text) => void (err += text) }
  })
  return { code, out, err }
}

describe("the catalogue", () => {
  it("has faults of different names, about requirements that there are", async () => {
    const known = await loadRequirements()
    const names = catalogue.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(catalogue.flatMap(({ requirements }) => requirements).filter((id) => !known.has(id))).toEqual([])
    expect(names.filter((name) => !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([])
  })

  it("says of each what it needs, in words that the suite knows", () => {
    const known = [
      "own",
      "pid",
      "worker-pid",
      "http",
      "socket",
      "logs",
      "scripted-worker",
      "bun",
      "quickjs-ng"
    ]
    expect(catalogue.flatMap(({ traits = [] }) => traits).filter((trait) => !known.includes(trait))).toEqual(
      []
    )
  })

  it("becomes cases that are apart where a server runs already", () => {
    const [first] = catalogue
    expect(first).toBeDefined()
    if (first === undefined) return
    expect(faultCase(first, true)).toMatchObject({ id: `faults/${first.name}`, alone: true })
  })
})

describe("bunbase conformance faults", () => {
  it("lists them with what is promised", async () => {
    const { code, out } = await conformance("--list")
    expect(code).toBe(0)
    for (const { name, promise, what } of catalogue) {
      expect(out).toContain(`${name}\n  ${what}.\n  promised: ${promise}.\n`)
    }
  })

  it("refuses names that there are not, and tells the nearest", async () => {
    const { code, err } = await conformance("--run", "slow-reade,nonsense", "--cmd", "s {port}")
    expect(code).toBe(2)
    expect(err).toContain("there is no fault slow-reade; did you mean slow-reader?")
    expect(err).toContain("there is no fault nonsense; --list shows them")
  })

  it("wants to be told which, and against what", async () => {
    const { code, err } = await conformance()
    expect(code).toBe(2)
    expect(err).toContain("give the faults: --run NAME,…")
    expect(err).toContain("give the server")
  })

  it("signals no process of a server that it starts by itself, nor one without a number", async () => {
    const both = await conformance("--run", "all", "--cmd", "s {port}", "--pid", "77")
    expect([both.code, both.err]).toEqual([2, expect.stringContaining("--pid is for a server that runs")])
    const wrong = await conformance("--run", "all", "--url", "http://127.0.0.1:1", "--pid", "1")
    expect([wrong.code, wrong.err]).toEqual([
      2,
      expect.stringContaining("--pid 1: give a whole number from 2")
    ])
  })
})

describe("the report of played faults", () => {
  const run = (verdict: RunResult["cases"][number]["verdict"]): RunResult => ({
    format: 1,
    suite: "faults",
    target: "server",
    command: "serve",
    startedAt: "2026-01-01T00:00:00.000Z",
    durationMs: 1,
    seed: 1,
    about: {},
    chosen: 1,
    available: 1,
    interrupted: false,
    problems: [],
    requirements: [],
    cases: [
      {
        id: "faults/some-fault",
        title: "Something is done",
        requirements: ["GR-001"],
        source: "here",
        verdict,
        durationMs: 1,
        propertyRuns: 0,
        observed: ["promised: this", "observed: that", "observed: twice", "observed: twice"]
      }
    ]
  })

  it("has what is promised beside what was seen", () => {
    const text = terminalReport(run({ _tag: "Passed" }), { color: false })
    expect(text).toContain(
      "some-fault: as promised  GR-001\n  done:     Something is done\n  promised: this\n  observed: that\n  observed: twice (2 times)\n"
    )
  })

  it("says what was another than promised, and why one was not played", () => {
    const failed = terminalReport(run({ _tag: "Failed", message: "no more\nlines", transcript: [] }), {
      color: false
    })
    expect(failed).toContain("some-fault: NOT AS PROMISED")
    expect(failed).toContain("repeat with: --seed 1 --run some-fault\n")
    expect(failed).toContain("  but:      no more\n")
    const left = terminalReport(run({ _tag: "NotApplicable", reason: "no pid" }), { color: false })
    expect(left).toContain("some-fault: not played")
    expect(left).toContain("  because:  no pid\n")
  })
})

describe("the clock that can be set", () => {
  it("moves one program's time, and no other's", () => {
    const { file, library, shift } = buildClockShim(folder)
    const now = () => {
      const env = { ...process.env, LD_PRELOAD: library, CONFORMANCE_CLOCK: file }
      return Number(spawnSync("date", ["+%s"], { env, encoding: "utf8" }).stdout)
    }
    const off = () => Math.round((now() - Date.now() / 1000) / 60) + 0
    expect(off()).toBe(0)
    shift(3600)
    expect(off()).toBe(60)
    shift(-3600)
    expect(off()).toBe(-60)
    shift(0)
    expect(off()).toBe(0)
  })
})
