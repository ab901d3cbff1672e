import { existsSync } from "node:fs"
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { UsageFault } from "./parseFlags.ts"
import { checkWritable } from "./reportFiles.ts"

let folder = ""
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "conformance-reports-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const faults = (...args: Parameters<typeof checkWritable>): Promise<ReadonlyArray<string>> =>
  checkWritable(...args).then(
    () => [],
    (error: unknown) => {
      if (error instanceof UsageFault) return error.lines
      throw error
    }
  )

describe("report files", () => {
  it("may be in folders that are not there yet, and are not made before there is something to write", async () => {
    const html = join(folder, "a", "b", "run.html")
    expect(await faults({ html, junit: join(folder, "run.xml"), json: null })).toEqual([])
    expect(existsSync(html)).toBe(false)
  })

  it("are each a file of its own, by whatever name", async () => {
    await symlink(folder, join(folder, "link"))
    const html = join(folder, "run")
    for (const junit of [html, join(folder, "link", "run"), `${folder}/./none/../run`]) {
      expect(await faults({ html, junit })).toEqual([`--junit ${junit}: --html names the same file`])
    }
  })

  it("are none that is read", async () => {
    const json = join(folder, "run.json")
    await writeFile(json, "{}")
    await symlink(json, join(folder, "other.json"))
    const html = join(folder, "other.json")
    expect(await faults({ html, junit: null }, [json, json])).toEqual([
      `--html ${html}: the result names the same file`
    ])
  })

  it("may all be a device", async () => {
    expect(await faults({ html: "/dev/null", junit: "/dev/null" })).toEqual([])
  })

  it("that cannot be written are told", async () => {
    await writeFile(join(folder, "file"), "")
    const html = join(folder, "file", "run.html")
    expect(await faults({ html, junit: null })).toEqual([
      expect.stringContaining(`--html ${html}: cannot be written: `)
    ])
  })
})
