import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs"
import { dirname } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { getFunction, serve, until } from "../support/Api.ts"
import { groupOfServer, membersOf, memoryModes, workerGroups } from "../support/MemoryModes.ts"
import { isAlive, processesNaming } from "../support/Processes.ts"
import { startServer, type TestServer, type TestServerOptions } from "../support/TestServer.ts"

const servers: Array<TestServer> = []
const start = async (options: TestServerOptions = {}): Promise<TestServer> => {
  const server = await startServer(options)
  servers.push(server)
  return server
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.dispose()
})

const { modes } = await memoryModes()
const systemOf = async (server: TestServer): Promise<unknown> =>
  await (await fetch(`${server.url}/api/system`)).json()

/** Says who it is; `/detach` starts a process that has nothing to do with it any more, and says who that is. */
const bundle = `
export default async (req) => {
  const { pathname, searchParams } = new URL(req.url)
  if (pathname !== "/detach") return new Response(String(process.pid))
  const sleeper = Bun.spawn({
    cmd: ["setsid", "--fork", "sleep", "1000." + searchParams.get("mark")],
    stdio: ["ignore", "ignore", "ignore"]
  })
  await sleeper.exited
  return new Response("detached")
}`

describe.each(modes.filter((mode) => mode === "cgroup"))("the control groups of a server (%s)", () => {
  const noSpares = ["--memory-limit-by", "cgroup", "--bun-spare-workers", "0"]
  const ownGroup = (server: TestServer): string => {
    const group = groupOfServer(server.pid)
    if (group === null) throw new Error("the server has no group")
    return group
  }
  const pidOf = async (server: TestServer, name: string): Promise<number> =>
    Number(await (await fetch(`${server.url}/functions/${name}/`)).text())
  const hasGroups = async (group: string, count: number): Promise<ReadonlyArray<string>> =>
    await until(
      () => Promise.resolve(workerGroups(group)),
      (found) => found.length === count
    )
  const detach = async (server: TestServer, name: string, mark: string): Promise<number> => {
    await fetch(`${server.url}/functions/${name}/detach?mark=${mark}`)
    const [sleeper, ...more] = processesNaming(`sleep 1000.${mark}`)
    expect(more).toEqual([])
    return sleeper as number
  }
  const gone = async (pid: number): Promise<void> =>
    void (await until(
      () => Promise.resolve(isAlive(pid)),
      (alive) => !alive
    ))

  it("are one for each worker, with its limit, and go with it", async () => {
    const server = await start({ flags: noSpares })
    const group = ownGroup(server)
    expect(workerGroups(group)).toEqual([])
    await serve(server, "a", bundle, { memory_mb: 48, idle_timeout_seconds: 0.2 })
    await serve(server, "b", bundle, { memory_mb: 96, warm_workers: 1 })
    const pid = await pidOf(server, "b")
    await hasGroups(group, 1)
    const [own = ""] = workerGroups(group)
    expect(membersOf(`${group}/${own}`)).toEqual([pid])
    const limitFile = ["memory.max", "memory.limit_in_bytes"]
      .map((name) => `${group}/${own}/${name}`)
      .find((path) => existsSync(path))
    const limit = await until(
      () => Promise.resolve(Number(readFileSync(limitFile as string, "utf8"))),
      (bytes) => bytes < 1024 ** 4
    )
    // What it had before it was in its group is not counted there.
    expect(limit).toBeLessThanOrEqual(96 * 1024 ** 2)
    expect(limit).toBeGreaterThan(64 * 1024 ** 2)
    expect(await server.stop()).toBe(0)
    expect(existsSync(group)).toBe(false)
  })

  it("end whatever a worker has started, wherever it has gone to", async () => {
    const server = await start({ flags: noSpares })
    await serve(server, "a", bundle, { idle_timeout_seconds: 0.2, max_workers: 1 })
    const sleeper = await detach(server, "a", `1${process.pid}`)
    await until(
      () => getFunction(server, "a"),
      ({ state }) => state === "DEPLOYED"
    )
    await gone(sleeper)
    await hasGroups(ownGroup(server), 0)
  })

  it("that a killed server has left are swept by the next one, with what still runs in them", async () => {
    const killed = await start({ flags: noSpares })
    const lives = await start({ flags: noSpares })
    await serve(killed, "a", bundle, { warm_workers: 1 })
    await serve(lives, "a", bundle, { warm_workers: 1 })
    const [left, kept] = [ownGroup(killed), ownGroup(lives)]
    const others = `${dirname(left)}/other-${process.pid}`
    mkdirSync(others)
    try {
      const sleeper = await detach(killed, "a", `2${process.pid}`)
      const worker = await pidOf(lives, "a")
      await killed.kill()
      expect(isAlive(sleeper)).toBe(true)
      expect(existsSync(left)).toBe(true)

      const next = await start({ flags: noSpares })
      expect(existsSync(left)).toBe(false)
      expect(isAlive(sleeper)).toBe(false)
      expect([existsSync(kept), existsSync(others), await pidOf(lives, "a")]).toEqual([true, true, worker])
      expect(ownGroup(next)).not.toBe(left)
    } finally {
      rmdirSync(others)
    }
  })

  it("hold a spare process that is of no function yet, and the limit comes with the function", async () => {
    const server = await start({ flags: ["--memory-limit-by", "cgroup", "--bun-spare-workers", "1"] })
    const group = ownGroup(server)
    const [spare = ""] = await hasGroups(group, 1)
    const [pid] = await until(
      () => Promise.resolve(membersOf(`${group}/${spare}`)),
      (members) => members.length === 1
    )
    await serve(server, "a", bundle, { memory_mb: 48, warm_workers: 1 })
    expect(await pidOf(server, "a")).toBe(pid)
  })
})

describe("a server that may make no control groups", () => {
  it("samples instead, and says why", async () => {
    const server = await start({ asNobody: true })
    expect(await systemOf(server)).toMatchObject({
      memory_limits: { bun: { by: "sampling", reason: expect.stringMatching(/cgroup|control groups/) } }
    })
    await server.printed(/memory +bun by sampling/)
    await server.printed(/not by control groups: /)
  })

  it("does not start where they are asked for: exit code 2, the reason, and no data folder", async () => {
    const server = await start({
      asNobody: true,
      awaitReady: false,
      env: { FUNCTIONS_MEMORY_LIMIT_BY: "cgroup" }
    })
    expect(await server.exited).toBe(2)
    expect(server.output()).toContain("the configuration has a fault; nothing was started")
    expect(server.output()).toMatch(
      /memory_limit_by = "cgroup" \(FUNCTIONS_MEMORY_LIMIT_BY\): no control group can be made here \(.+\); use auto or sampling/
    )
    expect(existsSync(server.dataDir)).toBe(false)
  })

  it("samples where that is asked for, and has nothing to say against groups", async () => {
    const server = await start({ flags: ["--memory-limit-by", "sampling"] })
    expect(await systemOf(server)).toMatchObject({ memory_limits: { bun: { by: "sampling" } } })
    expect(server.output()).not.toContain("not by control groups")
    expect(groupOfServer(server.pid)).toBeNull()
  })
})
