import { rm } from "node:fs/promises"
import { mkdirSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { SocketTransport } from "../../src/worker/SocketTransport.ts"
import { WorkerStartFailed } from "../../src/worker/WorkerSpawner.ts"
import {
  bodyOf,
  builtWorker,
  bundledTarget,
  fakeProgram,
  isBuilt,
  type RuntimeUnderTest,
  startRuntime
} from "../support/ForkedRuntime.ts"
import { isAlive, processesNaming } from "../support/Processes.ts"

const hello = `export default (req) => new Response("hello " + new URL(req.url).pathname)`
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(5)
}

let folder = ""
let runtime: RuntimeUnderTest | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-fork-"))
})
afterEach(async () => {
  await runtime?.close()
  runtime = null
  await rm(folder, { recursive: true, force: true })
})
const open = async (...args: Parameters<typeof startRuntime>): Promise<RuntimeUnderTest> =>
  (runtime = await startRuntime(...args))
/** The fork server's process: of all that name the data folder, the one that listens there. */
const forkServers = (dataDir: string): ReadonlyArray<number> =>
  processesNaming(`--listen ${join(dataDir, "tmp")}`)

const programs: ReadonlyArray<readonly [string, (folder: string) => string]> = [
  ["a stand-in", (at) => fakeProgram(at).path],
  ...(isBuilt ? [["the built worker", () => builtWorker] as const] : [])
]

describe.each(programs)("workers from a fork server: %s", (_name, program) => {
  it("answer, have a process of their own, and are gone when their scope is", async () => {
    const own = await open(folder, program(folder))
    const target = bundledTarget(folder, "hello", hello)
    const workers = await Promise.all([own.start(target), own.start(target), own.start(target)])
    const answers = await Promise.all(workers.map((worker) => worker.call({ url: "/a", path: "/a" })))
    expect(answers.map(bodyOf)).toEqual(["hello /a", "hello /a", "hello /a"])
    const pids = workers.map(({ pid }) => pid)
    expect(new Set(pids).size).toBe(3)
    expect(pids.every(isAlive)).toBe(true)
    // No folder for a worker that has no files.
    expect(own.left().every((name) => name.endsWith(".sock"))).toBe(true)
    await Promise.all(workers.map((worker) => worker.end()))
    expect(pids.some(isAlive)).toBe(false)
  })

  it("are told apart when they end: each loses only its own", async () => {
    const own = await open(folder, program(folder))
    const target = bundledTarget(folder, "waits", `export default () => new Promise(() => {})`)
    const [first, second] = await Promise.all([own.start(target), own.start(target)])
    const lost = first.call()
    void second.call()
    process.kill(first.pid, "SIGKILL")
    expect(await lost).toEqual({
      _tag: "Lost",
      fault: { kind: "signal", reason: "was ended by SIGKILL", signal: "SIGKILL" }
    })
    expect(isAlive(second.pid)).toBe(true)
  })

  it("that do not heed anything are killed as a group, within the grace", async () => {
    const own = await open(folder, program(folder))
    const worker = await own.start(bundledTarget(folder, "spins", `export default () => { for (;;); }`))
    void worker.call()
    await worker.end()
    expect(isAlive(worker.pid)).toBe(false)
  })

  it("whose bundle does not load say why, and nothing of them stays", async () => {
    const own = await open(folder, program(folder))
    const failure = await own.startFails(bundledTarget(folder, "broken", `throw new Error("at the top")`))
    expect(failure).toMatchObject({ _tag: "DeploymentFailed", stage: "bundle" })
    expect(failure.message).toContain("at the top")
    expect(failure.message).not.toContain(folder)
  })

  it("die with their fork server; another one takes its place, and until then workers are started one by one", async () => {
    const own = await open(folder, program(folder))
    const target = bundledTarget(
      folder,
      "waits",
      `export default (r) => r.url.endsWith("/now") ? new Response("now") : new Promise(() => {})`
    )
    const worker = await own.start(target)
    const lost = worker.call()
    const [forkServer] = forkServers(folder)
    process.kill(forkServer as number, "SIGKILL")
    expect(await lost).toMatchObject({ _tag: "Lost", fault: { kind: "signal" } })
    await until(() => !isAlive(worker.pid))
    const meanwhile = await own.start(target)
    expect(bodyOf(await meanwhile.call({ url: "/now" }))).toBe("now")
    expect(own.logs.filter((line) => line.includes("one by one"))).toHaveLength(1)
    await until(() => own.logs.some((line) => line.endsWith("is back")))
    expect(forkServers(folder)).toHaveLength(1)
    const again = await own.start(target)
    expect(bodyOf(await again.call({ url: "/now" }))).toBe("now")
  })

  it("leave nothing behind when the server ends: no process, no socket", async () => {
    const own = await open(folder, program(folder))
    const target = bundledTarget(folder, "hello", hello)
    const worker = await own.start(target)
    await own.close()
    runtime = null
    expect(isAlive(worker.pid)).toBe(false)
    expect(forkServers(folder)).toEqual([])
    expect(own.left()).toEqual([])
  })

  it("are to be had in a data folder whose path is too long for a socket", async () => {
    const long = join(folder, "d".repeat(120))
    mkdirSync(long)
    const own = await open(long, program(folder))
    const worker = await own.start(bundledTarget(folder, "hello", hello))
    expect(bodyOf(await worker.call())).toBe("hello /")
    expect(own.logs).toEqual([])
    await own.close()
    runtime = null
    expect(own.left()).toEqual([])
  })
})

describe("a fork server that is not as it should be", () => {
  it("without room for another process: the start fails, and says so", async () => {
    const program = fakeProgram(folder)
    const own = await open(folder, program.path)
    const target = bundledTarget(folder, "hello", hello)
    await own.start(target)
    program.behave("refuses")
    const failure = await own.startFails(target)
    expect(failure).toBeInstanceOf(WorkerStartFailed)
    expect(failure.message).toContain("EAGAIN")
    program.behave("well")
    expect(bodyOf(await (await own.start(target)).call())).toBe("hello /")
  })

  it.each(["exits", "dumb"] as const)(
    "never comes to be (%s): workers are started one by one, which is said once",
    async (mode) => {
      const own = await open(folder, fakeProgram(folder, mode).path)
      const target = bundledTarget(folder, "hello", hello)
      for (let i = 0; i < 2; i += 1) {
        const worker = await own.start(target)
        expect(bodyOf(await worker.call())).toBe("hello /")
      }
      expect(own.logs.filter((line) => line.includes("one by one"))).toHaveLength(1)
    }
  )

  it("whose control channel cannot be opened: workers are started one by one, and the server goes on", async () => {
    const refused = vi.spyOn(SocketTransport.prototype, "open").mockRejectedValueOnce(new Error("no room"))
    const own = await open(folder, fakeProgram(folder).path)
    await until(() => own.logs.some((line) => line.includes("no room; until it is back")))
    refused.mockRestore()
    const worker = await own.start(bundledTarget(folder, "hello", hello))
    expect(bodyOf(await worker.call())).toBe("hello /")
  })

  it("says nothing any more: starts time out, and another one takes its place", async () => {
    const program = fakeProgram(folder)
    const own = await open(folder, program.path, { startupMs: 1_500 })
    const target = bundledTarget(folder, "hello", hello)
    const before = await own.start(target)
    program.behave("silent")
    for (let i = 0; i < 2; i += 1) {
      expect(await own.startFails(target)).toMatchObject({ _tag: "WorkerStartFailed", kind: "timeout" })
    }
    program.behave("well")
    await until(() => forkServers(folder).length === 2)
    expect(bodyOf(await (await own.start(target)).call())).toBe("hello /")
    // Who was there before is not harmed; the old one ends with its last worker.
    expect(bodyOf(await before.call())).toBe("hello /")
    await before.end()
    await until(() => forkServers(folder).length === 1)
  })
})
