import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { CaseFailure } from "../model/Case.ts"
import { loadRequirements } from "../Requirements.ts"
import { workerSuite } from "./suite.ts"
import { bench, functions, targetOf } from "./testing/bench.ts"

const broken = fileURLToPath(new URL("../broken/workers/main.ts", import.meta.url))

const suiteOf = async (caseFiles: ReadonlyArray<string> = []) =>
  await workerSuite({
    cmd: "worker",
    runtime: "bun",
    functions,
    extension: "js",
    protocol: "1.1",
    features: null,
    requirements: await loadRequirements(),
    caseFiles,
    propertyRuns: null,
    timeoutFactor: 1
  })

describe("a case file of the worker's", () => {
  it("says whether what the monitors see violates the case's own requirements too", async () => {
    const { context } = bench()
    const file = join(context.folder, "mine.yaml")
    const steps =
      "    function: hello\n    steps: [{ invoke: { id: a, answer: { text: hello } } }, { alive: true }]\n"
    const head = (id: string) => `  - id: ${id}\n    title: ${id}\n    requirements: [WP-090, WP-105]\n`
    await writeFile(
      file,
      `area: mine\ncases:\n${head("plain")}${steps}${head("owns")}    owns_violations: true\n${steps}`
    )
    const { cases } = await suiteOf([file])
    const target = targetOf(`${process.execPath} ${broken} answers-twice`)
    const violated = async (id: string): Promise<unknown> => {
      const failure: unknown = await cases
        .find((one) => one.id === `worker/mine/${id}`)
        ?.run(target, context)
        .catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(CaseFailure)
      return (failure as CaseFailure).requirements
    }
    expect(await violated("plain")).toEqual(["WP-091"])
    expect(await violated("owns")).toEqual(["WP-091", "WP-090", "WP-105"])
  })

  it("is refused where it has no case: a run without it would be green all the same", async () => {
    const file = join(bench().context.folder, "none.yaml")
    await writeFile(file, "area: mine\ncases: []\n")
    await expect(suiteOf([file])).rejects.toThrow(/none\.yaml:2:8: a case file has at least one case/)
  })
})

/** A worker in a language whose maps have no order: what it shows of the query begins with the last pair. */
const REVERSED = `
const send = (id, type, payload) => process.stdout.write(JSON.stringify({ id, type, payload }) + "\\n")
send("", "ready", {})
for await (const line of console) {
  const { id, type, payload } = JSON.parse(line)
  if (type !== "invoke") continue
  const { method, path, query, body } = payload
  const seen = JSON.stringify({ method, path, query: Object.entries(query).toReversed(), headers: [] })
  send(id, "response", { status: 200, headers: { "x-seen": Buffer.from(seen).toString("base64") }, body })
}
`

describe("a case of the worker's", () => {
  it("asks for no order of the pairs that came as a map, and for each of them", async () => {
    const { context } = bench()
    const { cases } = await suiteOf()
    const query = cases.find((one) => one.id === "worker/request/query")
    const play = async (name: string, program: string) => {
      const file = join(context.folder, name)
      await writeFile(file, program)
      return query?.run(targetOf(`${process.execPath} ${file}`), context)
    }
    await play("reversed.mjs", REVERSED)
    const losing = REVERSED.replace("toReversed()", "slice(1)")
    await expect(play("losing.mjs", losing)).rejects.toBeInstanceOf(CaseFailure)
  })

  it("needs what its requirements are about", async () => {
    const { cases } = await suiteOf()
    const needsOf = (id: string) => cases.find((one) => one.id === id)?.needs
    expect(needsOf("worker/together/signal-aborts")).toMatchObject({
      features: ["cancel"],
      javascript: true,
      protocol: "1.1"
    })
    expect(needsOf("worker/start/each-bundle")?.protocol).toBeUndefined()
  })
})
