import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { CaseFileErrors } from "../../data/Mistakes.ts"
import { loadRequirements } from "../../Requirements.ts"
import { requirement, specification } from "../../testing/fakes.ts"
import { loadTable, uncovered } from "./table.ts"

const known = specification(
  requirement("WP-001"),
  requirement("WP-002", { level: "SHOULD" }),
  requirement("WP-003", { roles: ["host"] }),
  requirement("WP-004", { roles: ["worker", "host"] }),
  requirement("SP-001", { roles: ["server"], area: "socket-protocol" }),
  requirement("HG-001", { roles: ["server"], area: "http-gateway" })
)

let folder = ""
let path = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "conformance-broken-"))
  path = join(folder, "table.yaml")
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const load = async (text: string) => {
  await writeFile(path, text)
  return await loadTable(known, path)
}

const mistakes = async (text: string): Promise<ReadonlyArray<string>> => {
  const error: unknown = await load(text).then(
    () => null,
    (thrown: unknown) => thrown
  )
  expect(error).toBeInstanceOf(CaseFileErrors)
  return (error as CaseFileErrors).lines.map((line) => line.replace(path, "table"))
}

describe("a table of broken targets", () => {
  it("says how each is started, by what its kind says and what it says itself", async () => {
    const targets = await load(`
worker: { command: "{bun} {root}/w.ts {flaws} --bundle {bundle}", runtime: bun, timeout_factor: 0.5 }
server: { command: "serve {flaws} --port {port}", scripted_worker: "--worker {worker}", runtimes: [quickjs-ng] }
targets:
  - { name: answers-twice, kind: worker, violates: It does., turns_red: [WP-001, WP-004] }
  - { name: two, kind: worker, violates: It does., turns_red: [WP-002], flaws: [one, other], timeout_factor: 2 }
  - { name: sound, kind: worker, violates: Nothing., sound: true, flaws: [] }
  - { name: own, kind: server, violates: It does., turns_red: [SP-001, WP-003], command: "own", cases: ["server/*"] }
  - { name: usual, kind: server, violates: It does., turns_red: [HG-001] }
`)
    expect(targets.map(({ name, timeoutFactor }) => [name, timeoutFactor])).toEqual([
      ["answers-twice", 0.5],
      ["two", 2],
      ["sound", 1],
      ["own", 1],
      ["usual", 1]
    ])
    const [twice, two, sound, own, usual] = targets
    const root = fileURLToPath(new URL("../../../", import.meta.url)).replace(/\/$/, "")
    expect(twice).toMatchObject({
      command: `${process.execPath} ${root}/w.ts answers-twice --bundle {bundle}`,
      turnsRed: ["WP-001", "WP-004"],
      runtime: "bun",
      cases: null,
      source: `${path}:5`
    })
    expect(two?.command).toContain("/w.ts one other --bundle")
    expect(sound).toMatchObject({ turnsRed: [] })
    expect(own).toMatchObject({ command: "own", cases: ["server/*"], scriptedWorker: "--worker {worker}" })
    expect(usual).toMatchObject({ command: "serve usual --port {port}", runtimes: ["quickjs-ng"] })
  })

  it("is refused with the place of each mistake", async () => {
    expect(await mistakes("targets:\n  - none\n")).toEqual(["table:2:5: a target is a map"])
    const more = await mistakes(`
worker: { command: w }
targets:
  - { name: a, kind: worker, violates: It does., turns_red: [WP-999] }
  - { name: b, kind: worker, violates: It does., turns_red: [WP-003] }
  - { name: a-b, kind: worker, violates: It does. }
  - { name: A, kind: worker, violates: It does., turns_red: [] }
  - { name: c, kind: server, violates: It does., turns_red: [SP-001] }
  - { name: d, kind: worker, violates: It does., turns_red: [WP-001], turn_red: [WP-001] }
  - { name: e, kind: worker, violates: It does., turns_red: [WP-001, WP-001] }
  - { name: f, kind: worker, violates: It does., turns_red: [WP-001] }
  - { name: f, kind: worker, violates: It does., turns_red: [WP-001] }
  - { name: g, kind: worker, violates: Nothing., turns_red: [WP-001], sound: true }
`)
    expect(more).toEqual([
      "table:4:62: there is no requirement WP-999 in the specification",
      "table:5:62: WP-003 binds host, and no worker breaks it",
      "table:6:5: a target has turns_red, or is sound: true",
      "table:7:13: use lower case words with dashes: answers-twice",
      "table:7:61: name a requirement that it turns red",
      "table:8:22: there is no command, here or for all of the kind server",
      expect.stringContaining("unknown key turn_red; did you mean turns_red?"),
      "table:10:70: WP-001 is there twice",
      "table:12:13: there is another target f",
      "table:13:5: a target has turns_red, or is sound: true"
    ])
  })

  it("is refused where it is no YAML, or not there", async () => {
    expect((await mistakes("targets: ["))[0]).toMatch(/^table:1:\d+: /)
    await rm(path)
    await expect(loadTable(known, path)).rejects.toThrow("cannot be read")
  })

  it("lacks what no target turns red: the MUSTs of the protocols for workers, and for servers and hosts", async () => {
    const targets = await load(`
worker: { command: w }
server: { command: s }
targets:
  - { name: a, kind: worker, violates: It does., turns_red: [WP-002, WP-004] }
  - { name: b, kind: server, violates: It does., turns_red: [SP-001, WP-004] }
`)
    expect(uncovered("worker", targets, known)).toEqual({ all: 2, missing: ["WP-001"] })
    expect(uncovered("server", targets, known)).toEqual({ all: 3, missing: ["WP-003"] })
    expect(uncovered("server", [], known)).toEqual({ all: 3, missing: ["WP-003", "WP-004", "SP-001"] })
  })
})

describe("the suite's own table", () => {
  it("has a broken target for every MUST of the worker and socket protocols", async () => {
    const requirements = await loadRequirements()
    const targets = await loadTable(requirements)
    for (const kind of ["worker", "server"] as const)
      expect(uncovered(kind, targets, requirements).missing).toEqual([])
  })

  it("has every flaw of a worker that there is, and no other", async () => {
    const targets = await loadTable(await loadRequirements())
    const flaws = targets.flatMap(({ command, kind }) =>
      kind === "worker" ? (command.split("workers/main.ts")[1]?.split(" ").filter(Boolean) ?? []) : []
    )
    const files = await readdir(new URL("../workers/flaws/", import.meta.url))
    expect([...new Set(flaws)].toSorted()).toEqual(files.map((name) => name.replace(".ts", "")).toSorted())
  })
})
