import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { CaseFileErrors } from "../data/Mistakes.ts"
import { loadRequirements } from "../Requirements.ts"
import { loadServerCases } from "./suite.ts"

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "suite-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const load = async (text: string) => {
  const file = join(folder, "more.yaml")
  await writeFile(file, text)
  return loadServerCases(await loadRequirements(), null, [file])
}

const lines = async (steps: string): Promise<ReadonlyArray<string>> => {
  const text = `area: more\ncases:\n  - id: one\n    title: One\n    requirements: [SP-001]\n    steps:\n${steps}`
  const error: unknown = await load(text).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(CaseFileErrors)
  return (error as CaseFileErrors).lines.map((line) => line.slice(line.indexOf("more.yaml")))
}

describe("the cases of servers", () => {
  it("are all there, with ids of their own and a place in their sources", async () => {
    const cases = await loadServerCases(await loadRequirements(), null)
    expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length)
    const astray = cases.filter(({ source }) => !/^conformance\/server\/.+\.(ts|yaml):[1-9]\d*$/.test(source))
    expect(astray.map(({ id, source }) => `${id} ${source}`)).toStrictEqual([])
  })

  it("are played on each runtime where that is asked for", async () => {
    const cases = await load(
      "area: more\ncases:\n  - id: one\n    title: One\n    requirements: [SP-001]\n    runtimes: each\n    steps:\n      - socket: { command: PING, expect: {} }\n"
    )
    const made = cases.filter(({ id }) => id.startsWith("server/more/"))
    expect(made.map(({ id, needs }) => [id, needs.traits])).toStrictEqual([
      ["server/more/one-bun", ["bun"]],
      ["server/more/one-quickjs-ng", ["quickjs-ng"]]
    ])
  })

  it.each([
    ["      - http: { path: /, target: /, expect: {} }\n", "more.yaml:7:34: give path or target"],
    ["      - http: { path: /, expect: { json: { $gone: 1 } } }\n", "there is no matcher $gone"],
    ["      - socket: { command: PONG, expect: {} }\n", "more.yaml:7:28:"],
    ["      - socket_raw: { pieces: [xx], answers: [] }\n", "use bytes in lower-case hexadecimal"],
    ["      - htttp: {}\n", "there is no step htttp"],
    ["      - garbage: { door: http, hex: '00' }\n", "leaves is missing"]
  ])("are refused with their place: %s", async (steps, words) => {
    expect((await lines(steps)).join("\n")).toContain(words)
  })
})
