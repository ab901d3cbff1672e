import fc from "fast-check"
import { Schema } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type CaseContext, CaseFailure, SetUpFailed } from "../model/Case.ts"
import { Transcript } from "../model/Transcript.ts"
import { requirement, specification } from "../testing/fakes.ts"
import { loadCaseFiles } from "./CaseFiles.ts"
import { caseFile, checkProperty } from "./replay.ts"
import { playSteps, stepKind } from "./steps.ts"

let folder = ""
let ran = 0
beforeEach(async () => {
  ran = 0
  folder = await mkdtemp(join(tmpdir(), "replay-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const context = (): CaseContext => ({
  signal: new AbortController().signal,
  seed: 5,
  transcript: new Transcript(),
  folder,
  ranProperties: (count) => {
    ran += count
  },
  observe: () => {},
  owns: () => () => {}
})

const replay = ([text]: readonly [string]) => ({
  area: "properties",
  case: { id: "echo", title: "Echo", requirements: ["WP-001"], function: "echo", steps: [{ say: { text } }] }
})

/** A target that cannot say an "e". */
const echo = (text: string): void => {
  if (text.includes("e"))
    throw new CaseFailure("the echo differs", { expected: text, observed: text.replaceAll("e", "") })
}
const property = fc.asyncProperty(fc.string(), (text) => Promise.resolve().then(() => echo(text)))

describe("a property", () => {
  it("that holds counts its runs", async () => {
    const holds = fc.asyncProperty(fc.string(), (_text) => Promise.resolve())
    await checkProperty(holds, { context: context(), runs: 30, withinMs: 60_000, timeoutFactor: 1, replay })
    expect(ran).toBe(30)
  })

  it("whose time is over before all its runs have ended fails, and says how many did", async () => {
    for (const last of [1, 3]) {
      ran = 0
      let runs = 0
      // the time is over in the middle of the last one
      const stops = fc.asyncProperty(fc.string(), async (_text) => {
        runs += 1
        if (runs === last) await new Promise<void>(() => {})
      })
      const failure = await checkProperty(stops, {
        context: context(),
        runs: 10,
        withinMs: 200,
        mostRunMs: 600_000,
        timeoutFactor: 0.5,
        replay
      }).catch((error: unknown) => error)
      expect(failure).toMatchObject({
        name: "CaseFailure",
        message: `${ran} of the property's 10 runs ended within 100 ms: give it more time by --timeout-factor`,
        isLate: true
      })
      expect(ran).toBeLessThan(last)
    }
  })

  it("that does not hold is told by its smallest counterexample, which can be run again", async () => {
    const failure = await checkProperty(property, {
      context: context(),
      runs: 1_000,
      withinMs: 60_000,
      timeoutFactor: 1,
      replay
    }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(CaseFailure)
    expect(failure).toMatchObject({ expected: "e", observed: "" })
    const { message } = failure as CaseFailure
    expect(message).toMatch(/^the echo differs\nfound by run \d+, made smaller \d+ times \(property seed 5\)/)

    const file = join(folder, "replay.yaml")
    await writeFile(file, message.slice(message.indexOf("area:")))
    const [one] = await loadCaseFiles({
      files: [file],
      suite: "worker",
      roles: ["worker"],
      requirements: specification(requirement("WP-001")),
      fields: Schema.Struct({ function: Schema.String }),
      steps: [
        stepKind({
          name: "say",
          schema: Schema.Struct({ text: Schema.String }),
          play: ({ text }) => echo(text)
        })
      ],
      defaultTimeoutMs: 1_000
    })
    await expect(playSteps(one?.steps ?? [], undefined, context().signal)).rejects.toThrow("the echo differs")
  })

  it("whose set-up fails has no counterexample", async () => {
    const refused = new SetUpFailed("the registration was refused", "400")
    const property = fc.asyncProperty(fc.string(), (_text) => Promise.reject(refused))
    await expect(
      checkProperty(property, { context: context(), runs: 3, withinMs: 60_000, timeoutFactor: 1, replay })
    ).rejects.toBe(refused)
  })

  it.each([1, 3])("fails where run %d hangs, and tells it as a case", async (hanging) => {
    let run = 0
    const hangs = fc.asyncProperty(fc.string(), async (_text) => {
      run += 1
      if (run >= hanging) await new Promise<void>(() => {})
    })
    await expect(
      checkProperty(hangs, { context: context(), runs: 10, withinMs: 40, timeoutFactor: 1, replay })
    ).rejects.toMatchObject({ message: expect.stringContaining("Property timeout"), isLate: true })
  })
})

describe("a case file that was written", () => {
  it("has every text as it was", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        const said: Array<string> = []
        const file = join(folder, "case.yaml")
        const { area, case: one } = replay([text])
        await writeFile(file, caseFile(area, one))
        const [loaded] = await loadCaseFiles({
          files: [file],
          suite: "worker",
          roles: ["worker"],
          requirements: specification(requirement("WP-001")),
          fields: Schema.Struct({ function: Schema.String }),
          steps: [
            stepKind({
              name: "say",
              schema: Schema.Struct({ text: Schema.String }),
              play: (value) => void said.push(value.text)
            })
          ],
          defaultTimeoutMs: 1_000
        })
        await playSteps(loaded?.steps ?? [], undefined, context().signal)
        expect(said).toEqual([text])
      })
    )
  })
})
