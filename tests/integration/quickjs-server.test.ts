import { readFileSync } from "node:fs"
import { afterAll, beforeAll, expect, it } from "vitest"
import { getFunction, problemOf, serve, until } from "../support/Api.ts"
import { childrenOf, commandOf, descriptorsOf, isAlive } from "../support/Processes.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const onQuickJs = { runtime: "quickjs-ng" } as const
const call = (server: TestServer, name: string, path = ""): Promise<Response> =>
  fetch(`${server.url}/functions/${name}${path}`)
const text = async (server: TestServer, name: string, path = ""): Promise<string> =>
  await (await call(server, name, path)).text()
/** Counts its calls at module scope, and names its worker. */
const counting = `
const self = crypto.randomUUID()
let calls = 0
export default () => Response.json({ self, calls: (calls += 1) })`
interface Counted {
  readonly self: string
  readonly calls: number
}
const counted = async (server: TestServer, name: string): Promise<Counted> =>
  (await (await call(server, name)).json()) as Counted

/** The processes under one, its snapshots' workers too. */
const descendantsOf = (pid: number): ReadonlyArray<number> =>
  childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)])

const forkServerOf = (server: TestServer): number => {
  const [pid] = childrenOf(server.pid).filter((child) => commandOf(child).includes("--zygote"))
  if (pid === undefined) throw new Error("there is no fork server")
  return pid
}

describeOnQuickJs("functions on quickjs-ng, in a server", () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.dispose())

  it("keep their worker, and what it has at module scope, between calls", async () => {
    await serve(server, "counts", counting, onQuickJs)
    const [first, second] = [await counted(server, "counts"), await counted(server, "counts")]
    expect(second).toEqual({ self: first.self, calls: 2 })
  })

  it.each(["quickjs-ng", "bun"])(
    'have nothing that survives a call with isolation "invocation": %s',
    async (runtime) => {
      const name = `alone-${runtime}`
      await serve(server, name, counting, {
        runtime,
        isolation: "invocation",
        warm_workers: 1,
        max_workers: 3
      })
      const answers: Array<Counted> = []
      for (let i = 0; i < 4; i += 1) answers.push(await counted(server, name))
      answers.push(...(await Promise.all(Array.from({ length: 6 }, () => counted(server, name)))))
      expect(answers.map(({ calls }) => calls)).toEqual(answers.map(() => 1))
      expect(new Set(answers.map(({ self }) => self)).size).toBe(answers.length)
      const { workers } = await until(
        () => getFunction(server, name),
        ({ workers: now }) => now.busy + now.draining + now.starting === 0
      )
      expect(workers.warm + workers.idle).toBe(1)
    }
  )

  it("share what the bundle computed at its top level with snapshot: true, but not their random numbers", async () => {
    const bundle = `
      const made = Date.now() + " " + crypto.randomUUID()
      const numbers = () => [Math.random(), crypto.randomUUID()].join(" ")
      export default () => Response.json({ made, numbers: numbers() })`
    await serve(server, "snapshot", bundle, { ...onQuickJs, snapshot: true, isolation: "invocation" })
    const answers = await Promise.all(
      Array.from(
        { length: 5 },
        async () => (await (await call(server, "snapshot")).json()) as Record<string, string>
      )
    )
    expect(new Set(answers.map(({ made }) => made)).size).toBe(1)
    expect(new Set(answers.map(({ numbers }) => numbers)).size).toBe(5)
  })

  it("answer FN_003 when they take more memory than they have, and a new worker goes on", async () => {
    const bundle = `
      export default (req) => {
        if (req.url.endsWith("/grow")) { const all = []; for (;;) all.push(new Array(100000).fill(all.length)) }
        return new Response("fine")
      }`
    await serve(server, "grows", bundle, { ...onQuickJs, memory_mb: 32, timeout_seconds: 20 })
    const answer = await call(server, "grows", "/grow")
    expect(answer.status).toBe(500)
    expect(await problemOf(answer)).toMatchObject({ code: "FN_003" })
    expect(await text(server, "grows")).toBe("fine")
  })

  it("are ended at their deadline, whatever they do", async () => {
    await serve(server, "spins", `export default () => { for (;;); }`, { ...onQuickJs, timeout_seconds: 0.3 })
    const answer = await call(server, "spins")
    expect(answer.status).toBe(504)
    expect(await problemOf(answer)).toMatchObject({ code: "FN_002" })
  })

  it("see their own environment, and nothing of the server's or the fork server's", async () => {
    await serve(server, "environment", `export default () => Response.json(process.env)`, {
      ...onQuickJs,
      env: { OWN: "1" }
    })
    const seen = (await (await call(server, "environment")).json()) as Record<string, string>
    expect(seen).toEqual({
      OWN: "1",
      BUNBASE_FUNCTION: "environment",
      BUNBASE_RUNTIME: "quickjs-ng",
      BUNBASE_VERSION: "v1",
      LANG: "C.UTF-8",
      NODE_ENV: "production",
      TZ: seen["TZ"]
    })
  })

  it("fetch through their host: as permissive from anywhere, by domains where they have some", async () => {
    const bundle = `
      export default async (req) => {
        try {
          const answer = await fetch(new URL(req.url).searchParams.get("from"))
          return new Response(await answer.text())
        } catch (error) { return new Response(error.name + " " + error.code) }
      }`
    const port = new URL(server.url).port
    const capabilities = (more: object) => ({
      ...{
        profile: "custom",
        read_paths: [],
        write_paths: [],
        domains: [],
        child_processes: false,
        eval: false
      },
      ...more
    })
    await serve(server, "fetches", bundle, {
      ...onQuickJs,
      capabilities: capabilities({ profile: "permissive" })
    })
    await serve(server, "some", bundle, {
      ...onQuickJs,
      capabilities: capabilities({ domains: ["127.0.0.1"] })
    })
    const from = (host: string) => `?from=${encodeURIComponent(`http://${host}:${port}/health`)}`
    expect(await text(server, "fetches", from("127.0.0.1"))).toBe("OK")
    expect(await text(server, "some", from("127.0.0.1"))).toBe("OK")
    expect(await text(server, "some", from("localhost"))).toBe("TypeError PERMISSION_DENIED")
  })

  it.each([
    ["forked from the fork server", {}],
    ["forked from a snapshot", { snapshot: true }]
  ])("are held to few descriptors and no processes by the kernel: %s", async (how, more) => {
    const name = `held-${Object.keys(more).length}`
    // A worker is held to both; the fork servers and the spare worker are not.
    const held = (): ReadonlyArray<number> =>
      descendantsOf(forkServerOf(server)).filter((pid) => {
        const limits = readFileSync(`/proc/${pid}/limits`, "utf8")
        return /Max open files +64 +64/.test(limits) && /Max processes +0 +0/.test(limits)
      })
    const before = held()
    await serve(server, name, counting, { ...onQuickJs, ...more })
    await text(server, name)
    expect(
      held().filter((pid) => !before.includes(pid)),
      how
    ).toHaveLength(1)
  })

  it("leave no descriptor and no process behind, however many workers there were (R-2)", async () => {
    await serve(server, "many", counting, { ...onQuickJs, isolation: "invocation" })
    const forkServer = forkServerOf(server)
    const calm = async () => {
      await until(
        () => getFunction(server, "many"),
        ({ workers }) => Object.values(workers).every((count) => count === 0)
      )
      const own = [descriptorsOf(server.pid), descriptorsOf(forkServer)]
      return own.map((all) => all.filter((name) => name.startsWith("socket:")).length)
    }
    for (let i = 0; i < 10; i += 1) await counted(server, "many")
    const [before] = [await calm()]
    await Promise.all(Array.from({ length: 200 }, () => counted(server, "many")))
    const [, inForkServer] = await calm()
    expect(inForkServer).toBe(before?.[1])
    // Connections of this test's own calls are kept alive; there are not two hundred of them.
    const after = await calm()
    expect((after[0] as number) - (before?.[0] as number)).toBeLessThan(100)
  })

  it("die with a server that is killed, within a second (R-2)", async () => {
    const other = await startServer()
    try {
      await serve(other, "spins", `export default () => { for (;;); }`, onQuickJs)
      void call(other, "spins").catch(() => {})
      await until(
        () => getFunction(other, "spins"),
        ({ workers }) => workers.busy === 1
      )
      const forkServer = forkServerOf(other)
      const pids = [forkServer, ...childrenOf(forkServer)]
      expect(pids.length).toBeGreaterThan(1)
      await other.kill()
      const killedAt = performance.now()
      while (pids.some(isAlive)) await Bun.sleep(5)
      expect(performance.now() - killedAt).toBeLessThan(1_000)
    } finally {
      await other.dispose()
    }
  })
})
