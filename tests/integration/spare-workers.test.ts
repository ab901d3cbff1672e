import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import {
  bodyOf,
  builtWorker,
  bundledTarget,
  type RuntimeUnderTest,
  startRuntime
} from "../support/ForkedRuntime.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { childrenOf, isAlive, processesNaming } from "../support/Processes.ts"

const hello = `export default (req) => new Response("hello " + new URL(req.url).pathname)`
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(2)
}

describeOnQuickJs("a spare worker of the fork server", () => {
  let folder = ""
  let runtime: RuntimeUnderTest
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "bunbase-spare-"))
    runtime = await startRuntime(folder, builtWorker, { spares: 1 })
  })
  afterEach(async () => {
    await runtime.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** The one process that listens for the runtime: its forks, which have its command line, are its children. */
  const forkServer = (): number => {
    const all = processesNaming(`--listen ${join(folder, "tmp")}`)
    const [root] = all.filter((pid) => all.every((other) => !childrenOf(other).includes(pid)))
    return root ?? 0
  }
  const forks = (): ReadonlyArray<number> => childrenOf(forkServer())
  const spare = async (): Promise<number> => {
    await until(() => runtime.spares() === 1)
    return forks()[0] as number
  }

  it("becomes the next worker, and another one takes its place", async () => {
    const pid = await spare()
    const target = bundledTarget(folder, "hello", hello)
    const worker = await runtime.start(target)
    expect(worker.pid).toBe(pid)
    expect(bodyOf(await worker.call({ url: "/a" }))).toBe("hello /a")
    await until(() => runtime.spares() === 1)
    expect(forks()).toHaveLength(2)
    await worker.end()
    expect(isAlive(pid)).toBe(false)
  })

  it("keeps nobody waiting: of starts at the same time one takes it, the others are forked", async () => {
    const pid = await spare()
    const target = bundledTarget(folder, "hello", hello)
    const workers = await Promise.all([runtime.start(target), runtime.start(target), runtime.start(target)])
    expect(workers.map((worker) => worker.pid)).toContain(pid)
    expect(new Set(workers.map((worker) => worker.pid)).size).toBe(3)
    const bodies = await Promise.all(workers.map(async (worker) => bodyOf(await worker.call({ url: "/" }))))
    expect(bodies).toEqual(["hello /", "hello /", "hello /"])
  })

  it("that was killed harms no start", async () => {
    const pid = await spare()
    process.kill(pid, "SIGKILL")
    await until(() => runtime.spares() === 0)
    const worker = await runtime.start(bundledTarget(folder, "hello", hello))
    expect(worker.pid).not.toBe(pid)
    expect(bodyOf(await worker.call({ url: "/" }))).toBe("hello /")
    await until(() => runtime.spares() === 1)
  })

  it("that dies as it is taken harms no start either", async () => {
    const pid = await spare()
    process.kill(pid, "SIGKILL")
    const worker = await runtime.start(bundledTarget(folder, "hello", hello))
    expect(worker.pid).not.toBe(pid)
    expect(bodyOf(await worker.call({ url: "/" }))).toBe("hello /")
  })

  it("whose function does not load says why, and is replaced", async () => {
    await spare()
    const failure = await runtime.startFails(bundledTarget(folder, "broken", `throw new Error("at the top")`))
    expect(failure).toMatchObject({ _tag: "DeploymentFailed", stage: "bundle" })
    await until(() => runtime.spares() === 1)
    expect(forks()).toHaveLength(1)
  })

  it("has the limits, the environment and the randomness of its function, and none of its predecessors'", async () => {
    const told = `export default () => Response.json([process.env.WHO ?? "", crypto.randomUUID(), Math.random()])`
    const seen: Array<ReadonlyArray<unknown>> = []
    for (const who of ["first", "second"]) {
      await spare()
      const target = bundledTarget(folder, who, told, { env: { WHO: who } })
      const worker = await runtime.start(target)
      seen.push(JSON.parse(bodyOf(await worker.call())) as ReadonlyArray<unknown>)
      await worker.end()
    }
    expect(seen.map(([who]) => who)).toEqual(["first", "second"])
    expect(new Set(seen.flat()).size).toBe(6)
    await spare()
    const hungry = bundledTarget(
      folder,
      "hungry",
      `export default () => new Response("a".repeat(64 << 20))`,
      {
        limits: { ...bundledTarget(folder, "small", hello).limits, memory_mb: 16 }
      }
    )
    const worker = await runtime.start(hungry)
    expect(await worker.call()).toMatchObject({ _tag: "Error", payload: { code: "OUT_OF_MEMORY" } })
  })

  it("ends with its fork server, and with the runtime", async () => {
    const first = await spare()
    process.kill(forkServer(), "SIGKILL")
    await until(() => !isAlive(first))
    await until(() => runtime.spares() === 0)
    await until(() => runtime.logs.some((line) => line.endsWith("is back")))
    const second = await spare()
    await runtime.close()
    expect(isAlive(second)).toBe(false)
    expect(processesNaming(`--listen ${join(folder, "tmp")}`)).toEqual([])
  })
})
