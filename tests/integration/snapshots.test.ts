import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Target } from "../../src/domain/Invocation.ts"
import { Snapshots } from "../../src/worker/Snapshots.ts"
import { SocketFolder } from "../../src/worker/SocketFolder.ts"
import { SimulatedClock } from "../support/SimulatedClock.ts"
import { Zygote } from "../../src/worker/Zygote.ts"
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

let folder = ""
let runtime: RuntimeUnderTest | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-snapshot-"))
})
afterEach(async () => {
  await runtime?.close()
  runtime = null
  await rm(folder, { recursive: true, force: true })
})
const open = async (program: string): Promise<RuntimeUnderTest> =>
  (runtime = await startRuntime(folder, program))
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(5)
}
const snapshotted = (name: string, code: string): Target =>
  bundledTarget(folder, name, code, { snapshot: true })
const hello = `export default () => new Response("hello")`
const sockets = (own: RuntimeUnderTest) => own.left().filter((name) => name.startsWith("snapshot"))

const programs: ReadonlyArray<readonly [string, (folder: string) => string]> = [
  ["a stand-in", (at) => fakeProgram(at).path],
  ...(isBuilt ? [["the built worker", () => builtWorker] as const] : [])
]

describe.each(programs)("a version that is forked from its own process: %s", (_name, program) => {
  it("has one such process, made at its first start, which ends when the pool is gone", async () => {
    const own = await open(program(folder))
    const target = snapshotted("hello", hello)
    const workers = await Promise.all([own.start(target), own.start(target), own.start(target)])
    for (const worker of workers) expect(bodyOf(await worker.call())).toBe("hello")
    expect(sockets(own)).toHaveLength(1)
    for (const worker of workers) await worker.end()
    expect(sockets(own)).toHaveLength(1)
    own.forget(target)
    await until(() => sockets(own).length === 0)
    expect(own.logs).toEqual([])
  })

  it("has one for each target, and all end with the runtime", async () => {
    const own = await open(program(folder))
    const pids: Array<number> = []
    for (const name of ["one", "two"]) {
      const worker = await own.start(snapshotted(name, `export default () => new Response("${name}")`))
      expect(bodyOf(await worker.call())).toBe(name)
      pids.push(worker.pid)
    }
    expect(sockets(own)).toHaveLength(2)
    await own.close()
    runtime = null
    expect(own.left()).toEqual([])
    // The kernel ends the last of them with their parents, a moment later.
    await until(() => !pids.some(isAlive) && processesNaming(join(folder, "tmp")).length === 0)
  })

  it("is bounded in what its bundle says while it is evaluated (R-12)", async () => {
    const own = await open(program(folder))
    const chatty = `for (let i = 0; i < 5_000; i += 1) console.log("line " + i)\n${hello}`
    const worker = await own.start(snapshotted("chatty", chatty))
    expect(bodyOf(await worker.call())).toBe("hello")
    expect(own.logs.filter((line) => line.startsWith("line "))).toHaveLength(1_000)
    await own.close()
    runtime = null
    expect(own.logs.filter((line) => line.includes("4000 further log lines"))).toHaveLength(1)
  })

  it("whose runtime's fork server dies is forked again once there is another one", async () => {
    const own = await open(program(folder))
    const target = snapshotted("hello", hello)
    const worker = await own.start(target)
    const [forkServer] = processesNaming(`--listen ${join(folder, "tmp")}/fork-`)
    process.kill(forkServer as number, "SIGKILL")
    await until(() => !isAlive(worker.pid))
    await until(() => own.logs.some((line) => line.endsWith("is back")))
    const again = await own.start(target)
    expect(bodyOf(await again.call())).toBe("hello")
  })
})

describe("snapshots", () => {
  it("are bounded: without room for another one, a version does without", async () => {
    const most = 2
    const snapshots = new Snapshots({
      sockets: new SocketFolder(folder),
      startupMs: 10_000,
      most,
      clock: new SimulatedClock().service,
      say: () => {}
    })
    // Nobody listens there: what is being made stays so until the connection fails, which is after this turn.
    const parent = new Zygote(join(folder, "nobody.sock"), {
      ready: () => {},
      failed: () => {},
      log: () => {}
    })
    const load = { bundle_path: "/b.js", handler: "handler", env: {} }
    const targets = ["a", "b", "c"].map((name) => snapshotted(name, hello))
    const made = targets.map((target) => snapshots.of(target, load, parent))
    expect(snapshots.count).toBe(most)
    expect(await made[2]).toBeNull()
    expect(await Promise.all(made)).toEqual([null, null, null])
    expect(snapshots.count).toBe(0)
  })
})
