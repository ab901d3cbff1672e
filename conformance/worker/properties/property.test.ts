import fc from "fast-check"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { loadRequirements } from "../../Requirements.ts"
import { CaseFailure } from "../../model/Case.ts"
import { workerSuite } from "../suite.ts"
import { bench, functions, scriptedCommand, targetOf } from "../testing/bench.ts"
import { propertyCase, type PropertyDefinition, replayFile, stepsOf } from "./property.ts"
import { interleavingProperties } from "./interleavings.ts"
import { shapeProperties } from "./shapes.ts"

/** The scripted worker echoes; this says that it does so for short texts alone. */
const definition: PropertyDefinition = {
  name: "short",
  title: "Short texts come back",
  requirements: ["WP-090"],
  function: "hello",
  runs: 50,
  steps: () =>
    fc
      .string({ maxLength: 30 })
      .map((text) => [
        { invoke: { id: "a", text, answer: { text: { $length: { $lte: 4 } } } } },
        { settle: true }
      ])
}

const failureOf = async (run: Promise<void>): Promise<CaseFailure> => {
  const failure: unknown = await run.then(
    () => null,
    (error: unknown) => error
  )
  expect(failure).toBeInstanceOf(CaseFailure)
  return failure as CaseFailure
}

const suiteWith = async (caseFiles: ReadonlyArray<string>) =>
  await workerSuite({
    cmd: scriptedCommand(),
    runtime: "other",
    functions,
    extension: "js",
    protocol: "1.1",
    features: null,
    requirements: await loadRequirements(),
    caseFiles,
    propertyRuns: null,
    timeoutFactor: 1
  })

describe("a property", () => {
  it("that holds passes, with its runs counted; the user may say how many", async () => {
    const { context, propertyRuns, owned } = bench()
    const holds = { ...definition, steps: () => fc.constant([{ invoke: { text: "x", echoes: true } }]) }
    await propertyCase(holds).run(targetOf(scriptedCommand()), context)
    expect(propertyRuns()).toBe(50)
    const seven = targetOf(scriptedCommand())
    Object.assign(seven, { propertyRuns: 7 })
    await propertyCase({ ...holds, freshWorker: true }).run(seven, context)
    expect([propertyRuns(), owned.size]).toEqual([57, 0])
  })

  it("that does not hold fails with its smallest example as a case file, which fails again", async () => {
    const { context, owned } = bench()
    const target = targetOf(scriptedCommand())
    const failure = await failureOf(propertyCase(definition).run(target, context))
    expect(owned.size).toBe(0)
    expect(failure.message).toContain("payload.body as text.length is not as expected")
    const file = failure.message.slice(failure.message.indexOf("area:"))
    const steps = (parse(file) as { cases: [{ steps: [{ invoke: { text: string } }] }] }).cases[0].steps
    expect(steps[0].invoke.text).toHaveLength(5)

    const path = join(context.folder, "found.yaml")
    await writeFile(path, file)
    const suite = await suiteWith([path])
    const replay = suite.cases.find(({ id }) => id === "worker/replay/short-7")
    expect(replay).toMatchObject({
      title: "Short texts come back: a counterexample",
      requirements: ["WP-090"]
    })
    const again = await failureOf(replay?.run(target, context) ?? Promise.resolve())
    expect(again).toMatchObject({ expected: failure.expected, observed: failure.observed })
  })

  it("ends at once when its time is over", async () => {
    const controller = new AbortController()
    const { context, owned } = bench(controller.signal)
    const never = {
      ...definition,
      steps: () => fc.constant([{ invoke: { id: "a", more: { say: [] }, answer: {} } }])
    }
    const running = propertyCase(never).run(targetOf(scriptedCommand()), context)
    setImmediate(() => controller.abort(new Error("over")))
    await expect(running).rejects.toThrow("over")
    expect(owned.size).toBe(0)
  })
})

describe("the worker's own properties", () => {
  const all = [...shapeProperties, ...interleavingProperties]
  const features = ["concurrency", "cancel", "ping", "load", "call"]

  it.each(all.map((one) => [one.name, one] as const))(
    "make steps, which are the same from their case file: %s",
    (_name, one) => {
      for (const known of [features, []]) {
        fc.assert(
          fc.property(one.steps(known), (steps) => {
            stepsOf(steps)
            const read = parse(replayFile(one, 1, steps)) as { cases: [{ steps: unknown }] }
            expect(read.cases[0].steps).toEqual(JSON.parse(JSON.stringify(steps)))
          }),
          { numRuns: 40 }
        )
      }
    }
  )

  it("have names and requirements of their own", async () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    const known = await loadRequirements()
    expect(all.flatMap(({ requirements }) => requirements).filter((id) => !known.has(id))).toEqual([])
  })
})
