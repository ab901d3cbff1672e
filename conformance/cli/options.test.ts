import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { server, worker } from "./commands.ts"
import { readServerOptions, readWorkerOptions } from "./options.ts"
import { parseFlags, UsageFault } from "./parseFlags.ts"

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "conformance-functions-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const faults = (name: "worker" | "server", ...flags: ReadonlyArray<string>): ReadonlyArray<string> => {
  const cmd = name === "worker" ? "worker" : "server {data} {port}"
  const parsed = parseFlags("bbc", name === "worker" ? worker : server, ["--cmd", cmd, ...flags])
  if (name === "worker") readWorkerOptions(parsed, new Map())
  else readServerOptions(parsed, new Map())
  try {
    parsed.done()
    return []
  } catch (error) {
    if (error instanceof UsageFault) return error.lines
    throw error
  }
}

describe("the folder of functions", () => {
  it("is the suite's own where none is named", () => {
    expect(faults("worker")).toEqual([])
    expect(faults("server")).toEqual([])
  })

  it("has to be there, with the simplest function in the language that is named", async () => {
    const nowhere = join(folder, "nowhere")
    expect(faults("worker", "--functions", nowhere)).toEqual([
      `--functions ${nowhere}: there is no such folder`
    ])
    await writeFile(join(folder, "file"), "")
    expect(faults("worker", "--functions", join(folder, "file"))).toHaveLength(1)
    const lacks = `--functions ${folder}: there is no hello.js in it`
    expect(faults("worker", "--functions", folder)).toEqual([lacks])
    await writeFile(join(folder, "hello.py"), "")
    expect(faults("worker", "--functions", folder)).toEqual([`${lacks}; there is hello.py: --extension py`])
    expect(faults("worker", "--functions", folder, "--extension", ".py")).toEqual([])
  })

  it("of a server has what is called there", async () => {
    await writeFile(join(folder, "server.py"), "")
    expect(faults("server", "--functions", folder)).toEqual([
      `--functions ${folder}: there is no server.js in it`
    ])
  })
})
