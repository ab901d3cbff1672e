import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { deploy, deployRefused, getFunction, problemOf, register, serve, until } from "../support/Api.ts"
import { memoryModes } from "../support/MemoryModes.ts"
import { isAlive, processesNaming } from "../support/Processes.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const LIMIT_MB = 64

/**
 * `/hold`: takes so many MiB in the way that is asked for, says so to `at`, and waits for its answer. `/hoard`: takes more
 * and more, for ever. `/garbage`: takes so many MiB, and keeps none of it. `/programs`: keeps them, and starts programs.
 */
const bundle = `
const kept = []
const MiB = 1024 * 1024
const ways = {
  arrays: () => kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i, s: "x" + i }))),
  buffers: () => kept.push(Buffer.alloc(MiB, 1)),
  typed: () => kept.push(new Float64Array(MiB / 8).fill(1)),
  strings: () => kept.push(JSON.stringify(Array.from({ length: 100_000 }, (_, i) => i + kept.length)))
}
const hoarder = "for (const kept = [];;) kept.push(Buffer.alloc(1024 * 1024, 1))"
export default async (req) => {
  const { pathname, searchParams } = new URL(req.url)
  switch (pathname) {
    case "/well":
      return new Response(String(process.pid))
    case "/hoard":
      for (let i = 0; ; i += 1) {
        ways[searchParams.get("way")]()
        if (i % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 0))
      }
    case "/hoard-at-once":
      for (;;) ways[searchParams.get("way")]()
    case "/hold":
      for (let i = 0; i < Number(searchParams.get("mb")); i += 1) ways.buffers()
      return await fetch(searchParams.get("at"))
    case "/garbage":
      for (let i = 0; i < Number(searchParams.get("mb")); i += 1) new Uint8Array(MiB).fill(i)
      return new Response("let go")
    case "/child": {
      const child = Bun.spawn({ cmd: [process.execPath, "-e", hoarder, searchParams.get("mark")] })
      await child.exited
      return await new Promise(() => {})
    }
    case "/programs":
      for (let i = 0; i < Number(searchParams.get("mb")); i += 1) ways.buffers()
      for (let i = 0; i < 100; i += 1) await Bun.spawn({ cmd: ["true"] }).exited
      return new Response("all of them")
    case "/later":
      setInterval(() => { for (let i = 0; i < 8; i += 1) ways.buffers() }, 10)
      return new Response(String(process.pid))
  }
}`

const { modes, why } = await memoryModes()
console.log(
  why === null
    ? "workers on bun are held to their memory by control groups here"
    : `workers on bun are held to their memory by sampling here: ${why}`
)

describe.each(modes)("a worker on bun beyond its memory, by %s (FN_003)", (mode) => {
  let server: TestServer
  let holding = Promise.withResolvers<void>()
  let letGo = Promise.withResolvers<Response>()
  /** Where functions say that they hold their memory, and wait. */
  const listener = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      holding.resolve()
      return letGo.promise
    }
  })
  const at = encodeURIComponent(String(listener.url))
  const call = (name: string, path: string): Promise<Response> =>
    fetch(`${server.url}/functions/${name}${path}`)
  const pidOf = async (name: string): Promise<number> => Number(await (await call(name, "/well")).text())
  const isMemory = async (response: Response, limitMb = LIMIT_MB): Promise<void> => {
    expect(response.status).toBe(500)
    const problem = await problemOf(response)
    expect(problem).toMatchObject({
      code: "FN_003",
      title: "Memory limit exceeded",
      retryable: false,
      cause: "memory",
      limit_mb: limitMb,
      detail: expect.stringContaining(`used more than its ${limitMb} MiB of memory (memory_mb): `)
    })
    expect(problem.detail).toContain(mode === "cgroup" ? "by its control group" : "by sampling")
    expect(problem.used_mb).toBeGreaterThan(limitMb * 0.9)
    expect(problem.peak_mb).toBeGreaterThanOrEqual(problem.used_mb as number)
  }

  beforeAll(async () => {
    server = await startServer({ flags: ["--memory-limit-by", mode] })
  })
  afterAll(async () => {
    await server.dispose()
    await listener.stop(true)
  })

  it("is in force, as the server says", async () => {
    const system = (await (await fetch(`${server.url}/api/system`)).json()) as {
      readonly memory_limits: { readonly bun: { readonly by: string } }
    }
    expect(system.memory_limits.bun.by).toBe(mode)
    await server.printed(mode === "cgroup" ? /memory +bun by control groups/ : /memory +bun by sampling/)
  })

  it.each(["arrays", "buffers", "typed", "strings"])(
    "is ended while it runs, and another one goes on: %s",
    async (way) => {
      const name = `hoards-${way}`
      await serve(server, name, bundle, { memory_mb: LIMIT_MB, max_workers: 1 })
      const before = await pidOf(name)
      await isMemory(await call(name, `/hoard?way=${way}`))
      expect(await pidOf(name)).not.toBe(before)
      expect(isAlive(before)).toBe(false)
    }
  )

  it("is ended too where it leaves its event loop no turn", async () => {
    await serve(server, "at-once", bundle, { memory_mb: LIMIT_MB })
    await isMemory(await call("at-once", "/hoard-at-once?way=buffers"))
    expect((await call("at-once", "/well")).status).toBe(200)
  })

  it("is ended where it was started for its function alone, and no spare process", async () => {
    // A process that has booted already cannot have this.
    await serve(server, "anew", bundle, { memory_mb: LIMIT_MB, env: { TZ: "Asia/Tokyo" } })
    await isMemory(await call("anew", "/hoard?way=buffers"))
    expect((await call("anew", "/well")).status).toBe(200)
  })

  it("is ended with every call that it has, and with no other worker's", async () => {
    await serve(server, "several", bundle, { memory_mb: LIMIT_MB, max_workers: 1, concurrency: 4 })
    await serve(server, "innocent", bundle, { memory_mb: LIMIT_MB, max_workers: 1, concurrency: 4 })
    const innocent = await pidOf("innocent")
    holding = Promise.withResolvers()
    letGo = Promise.withResolvers()
    const beside = call("innocent", `/hold?mb=8&at=${at}`)
    await holding.promise
    holding = Promise.withResolvers()
    const waiting = call("several", `/hold?mb=1&at=${at}`)
    await holding.promise
    await isMemory(await call("several", "/hoard?way=buffers"))
    await isMemory(await waiting)
    letGo.resolve(new Response("let go"))
    expect(await (await beside).text()).toBe("let go")
    expect(await pidOf("innocent")).toBe(innocent)
  })

  it("is ended for what it has started, which ends with it", async () => {
    const mark = `hoarder-${mode}-${process.pid}`
    await serve(server, "parent", bundle, { memory_mb: LIMIT_MB, max_workers: 1 })
    const before = await pidOf("parent")
    await isMemory(await call("parent", `/child?mark=${mark}`))
    expect(await pidOf("parent")).not.toBe(before)
    expect(processesNaming(mark)).toEqual([])
  })

  it("is ended when it has no call any more, which fails none", async () => {
    await serve(server, "later", bundle, { memory_mb: LIMIT_MB, max_workers: 1 })
    const before = Number(await (await call("later", "/later")).text())
    await server.printed(/a worker of later was ended by SIGKILL at its memory limit/)
    expect(await pidOf("later")).not.toBe(before)
  })

  it("is not ended for what it has let go of", async () => {
    await serve(server, "garbage", bundle, { memory_mb: LIMIT_MB, max_workers: 1 })
    const before = await pidOf("garbage")
    expect(await (await call("garbage", `/garbage?mb=${10 * LIMIT_MB}`)).text()).toBe("let go")
    expect(await pidOf("garbage")).toBe(before)
  })

  it("is not ended for small programs that it starts: until they run, they share its own memory", async () => {
    await serve(server, "programs", bundle, { memory_mb: LIMIT_MB, max_workers: 1 })
    const before = await pidOf("programs")
    expect(await (await call("programs", "/programs?mb=40")).text()).toBe("all of them")
    expect(await pidOf("programs")).toBe(before)
  })

  it("is FN_004 when it is killed far below it", async () => {
    await serve(server, "killed", bundle, { memory_mb: LIMIT_MB, max_workers: 1 })
    const pid = await pidOf("killed")
    holding = Promise.withResolvers()
    letGo = Promise.withResolvers()
    const answer = call("killed", `/hold?mb=16&at=${at}`)
    await holding.promise
    process.kill(pid, "SIGKILL")
    const problem = await problemOf(await answer)
    expect(problem).toMatchObject({ code: "FN_004", status: 502, cause: "signal", signal: "SIGKILL" })
  })

  it("cannot be deployed where its code needs more before it is ready; what was in force stays", async () => {
    const settings = { memory_mb: 32, max_workers: 1 }
    const greedy = `const ballast = []\nfor (let i = 0; i < 64; i += 1) ballast.push(Buffer.alloc(1024 * 1024, 1))\n${bundle}`
    await register(server, "greedy", settings)
    const refused = await deployRefused(server, "greedy", "v1", greedy)
    expect(refused).toMatchObject({ code: "FN_005", status: 422 })
    expect(refused.detail).toContain("memory_mb (32) is too small for this code")
    await deploy(server, "greedy", "v2", bundle)
    const again = await deployRefused(server, "greedy", "v3", greedy)
    expect(again.detail).toContain("version v2 of greedy still serves")
    expect((await call("greedy", "/well")).status).toBe(200)
  })

  it("holds a warm worker's place until another one has it", async () => {
    await serve(server, "warm", bundle, { memory_mb: LIMIT_MB, max_workers: 1, warm_workers: 1 })
    await isMemory(await call("warm", "/hoard?way=buffers"))
    const { workers } = await until(
      () => getFunction(server, "warm"),
      ({ workers: now }) => now.warm === 1
    )
    expect(workers).toMatchObject({ warm: 1, busy: 0 })
  })
})
