import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { Target } from "../../src/domain/Invocation.ts"
import {
  bodyOf,
  bundledTarget,
  type RuntimeUnderTest,
  startBunRuntime,
  type StartedWorker
} from "../support/ForkedRuntime.ts"
import { isAlive, processesNaming } from "../support/Processes.ts"

const hello = `export default (req) => new Response("hello " + new URL(req.url).pathname)`

/** All that a function can see of the process around it, and what its children see. */
const surroundings = `
import { spawnSync, Worker as GlobalWorker } from "bun"
import { execSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { Worker as NodeWorker } from "node:worker_threads"

const atTheTop = { env: { ...process.env }, cwd: process.cwd(), argv: [...process.argv] }
const lines = (text) => text.trim().split("\\n").sort()
const print = (text) => new Response(text)
const thread = (make) => new Promise((done, fail) => {
  const one = make("data:text/javascript," + encodeURIComponent(
    "postMessage({ env: { ...process.env }, argv: process.argv.slice(0, 1) })"))
  one.onmessage = ({ data }) => done(data)
  one.onerror = ({ message }) => fail(new Error(message))
})
const nodeThread = () => new Promise((done, fail) => {
  const script = "require('node:worker_threads').parentPort.postMessage({ ...process.env })"
  new NodeWorker(script, { eval: true }).on("message", done).on("error", fail)
})
export default async () => {
  writeFileSync("left-here", "")
  return Response.json({
    atTheTop,
    env: process.env,
    bunEnv: Bun.env,
    metaEnv: import.meta.env,
    folder: [process.cwd(), homedir(), tmpdir(), readdirSync(".")],
    argv: [process.argv, Bun.argv, process.argv0, process.execArgv, process.execPath, process.title, Bun.main.length > 0],
    meta: [import.meta.url, import.meta.path, import.meta.main, import.meta.resolve("./other.js")],
    modules: Object.keys(require.cache).map((name) => name.split("/").at(-1)),
    globals: Object.getOwnPropertyNames(globalThis).sort(),
    process: [process.eventNames().map(String), process.umask(), process.exitCode ?? null, process.stdout.isTTY],
    time: [new Date(0).toString(), Intl.DateTimeFormat().resolvedOptions()],
    colours: Bun.enableANSIColors,
    descriptors: readdirSync("/proc/self/fd").length,
    group: readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ").slice(2, 4)
      .map((id) => Number(id) === process.pid),
    limits: lines(readFileSync("/proc/self/limits", "utf8")),
    spawned: lines(Bun.spawnSync(["/usr/bin/env"]).stdout.toString()),
    spawnedByOptions: lines(spawnSync({ cmd: ["env"], stderr: "ignore" }).stdout.toString()),
    spawnedLater: lines(await new Response(Bun.spawn(["/usr/bin/env"]).stdout).text()),
    spawnedWithItsOwn: lines(spawnSync(["/usr/bin/env"], { env: { ONLY: "this" } }).stdout.toString()),
    spawnedByNode: lines(execSync("env").toString()),
    shell: lines(await Bun.$\`env\`.text()),
    thread: await thread((url) => new Worker(url)),
    nodeThread: await nodeThread(),
    stack: new Error("here").stack.split("\\n").length
  })
}`

let folder = ""
const runtimes: Array<RuntimeUnderTest> = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-spare-bun-"))
})
afterEach(async () => {
  for (const runtime of runtimes.splice(0)) await runtime.close()
  await rm(folder, { recursive: true, force: true })
})
const start = async (settings: Parameters<typeof startBunRuntime>[1]): Promise<RuntimeUnderTest> => {
  const runtime = await startBunRuntime(folder, settings)
  runtimes.push(runtime)
  return runtime
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(2)
}
const target = (name: string, code: string, more: Partial<Target> = {}): Target =>
  bundledTarget(folder, name, code, { runtime: "bun", ...more })

/** The processes that run the guest's program without a bundle of their own: spares, and those that were. */
const generic = (): ReadonlyArray<number> => {
  const owned = new Set(processesNaming("--bundle"))
  return processesNaming(join(folder, "tmp", "guest-")).filter((pid) => !owned.has(pid))
}
const spare = async (runtime: RuntimeUnderTest): Promise<number> => {
  await until(() => runtime.spares() === 1)
  const taken = new Set(runtime.spares() === 1 ? workers.map(({ pid }) => pid) : [])
  return generic().find((pid) => !taken.has(pid)) as number
}
const workers: Array<StartedWorker> = []
const begin = async (runtime: RuntimeUnderTest, one: Target): Promise<StartedWorker> => {
  const worker = await runtime.start(one)
  workers.push(worker)
  return worker
}

describe("a Bun worker that was a spare process", () => {
  it("is the spare one; another one takes its place", async () => {
    const runtime = await start({ spares: 1 })
    const pid = await spare(runtime)
    const worker = await begin(runtime, target("hello", hello))
    expect(worker.pid).toBe(pid)
    expect(bodyOf(await worker.call({ url: "/a" }))).toBe("hello /a")
    const next = await spare(runtime)
    expect(next).not.toBe(pid)
    await worker.end()
    expect([isAlive(pid), isAlive(next)]).toEqual([false, true])
    expect(runtime.logs).toEqual([])
  })

  it("is to its function what a process that was started for it is", async () => {
    const more = { env: { OWN: "its own", EMPTY: "", BUNDLE: "x=y z" }, handler: "default" }
    const one = target("surroundings", surroundings, more)
    const seen = async (spares: number): Promise<object> => {
      const runtime = await start({ spares })
      if (spares > 0) await spare(runtime)
      const worker = await begin(runtime, one)
      expect(generic().includes(worker.pid)).toBe(spares > 0)
      const text = bodyOf(await worker.call())
      const { folder: places } = JSON.parse(text) as { folder: [string] }
      await worker.end()
      // The names of the folders differ, as those of any two workers.
      return JSON.parse(text.replaceAll(places[0], "/folder")) as object
    }
    const own = await seen(0)
    expect(await seen(1)).toEqual(own)
    const visible = {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      HOME: "/folder",
      TMPDIR: "/folder",
      LANG: "C.UTF-8",
      TZ: process.env["TZ"] ?? "UTC",
      NODE_ENV: "production",
      BUNBASE_RUNTIME: "bun",
      BUNBASE_FUNCTION: "surroundings",
      BUNBASE_VERSION: "v1",
      ...more.env
    }
    const listed = Object.entries(visible)
      .map(([name, value]) => `${name}=${value}`)
      .sort()
    expect(own).toMatchObject({
      atTheTop: { env: visible, cwd: "/folder" },
      env: visible,
      folder: ["/folder", "/folder", "/folder", ["left-here"]],
      spawned: listed,
      spawnedByOptions: listed,
      spawnedLater: listed,
      spawnedWithItsOwn: ["ONLY=this"],
      spawnedByNode: expect.arrayContaining(listed) as unknown,
      thread: { env: visible },
      nodeThread: visible
    })
  })

  it("is none where a function sets what Bun reads as it starts", async () => {
    const runtime = await start({ spares: 1 })
    const seen = new Map<string, string>()
    const code = `export default () => new Response(Bun.which("tool") + " " + Bun.enableANSIColors)`
    writeFileSync(join(folder, "tool"), "", { mode: 0o755 })
    for (const name of ["PATH", "FORCE_COLOR", "NODE_EXTRA_CA_CERTS", "S3_BUCKET", "https_proxy", "LC_ALL"]) {
      const pid = await spare(runtime)
      const env = { [name]: folder, ...(name === "PATH" ? { FORCE_COLOR: "1" } : {}) }
      const worker = await begin(runtime, target("own", code, { env }))
      seen.set(name, bodyOf(await worker.call()))
      expect([worker.pid === pid, isAlive(pid), runtime.spares()]).toEqual([false, true, 1])
      await worker.end()
    }
    expect(seen.get("PATH")).toBe(`${join(folder, "tool")} true`)
  })

  it("says in the function's name what it prints, logs, and throws", async () => {
    const runtime = await start({ spares: 1 })
    await spare(runtime)
    const worker = await begin(
      runtime,
      target(
        "prints",
        `import { writeSync } from "node:fs"
        console.log("at the top")
        writeSync(1, "past the console\\n"); writeSync(2, "and on stderr\\n")
        export default () => { throw new TypeError("at line four") }`
      )
    )
    expect(await worker.call()).toMatchObject({
      _tag: "Error",
      payload: {
        code: "HANDLER_ERROR",
        message: "at line four",
        stack: expect.stringContaining("prints.js:4") as string
      }
    })
    await until(() => ["past the console", "and on stderr"].every((line) => runtime.logs.includes(line)))
    expect(runtime.logs).toContain("at the top")
  })

  it.each([
    ["a mistake", "export default () => {\n  return (\n}\n", { stage: "bundle", line: 3, column: 1 }],
    ["a throw at the top", `const a = 1\nthrow new TypeError("no")`, { stage: "bundle", line: 2 }],
    ["no handler", "export const a = 1", { stage: "handler" }]
  ])("fails to load as any other does, and is replaced: %s", async (_what, code, expected) => {
    const failures: Array<unknown> = []
    const taken: Array<number> = []
    const next: Array<number> = []
    for (const spares of [0, 1]) {
      const runtime = await start({ spares })
      const pid = spares === 1 ? await spare(runtime) : 0
      const failure = await runtime.startFails(target("broken", code))
      expect(isAlive(pid)).toBe(false)
      if (failure._tag !== "DeploymentFailed") throw failure
      const { column, line, reason, stage } = failure
      failures.push({ stage, reason, line, column })
      next.push(spares === 1 ? await spare(runtime) : 0)
      taken.push(pid)
    }
    expect(next[1]).not.toBe(taken[1])
    expect(failures[1]).toEqual(failures[0])
    expect(failures[0]).toMatchObject(expected)
  })

  it("has its whole start-up time from the moment it is taken, and no more", async () => {
    const runtime = await start({ spares: 1, startupMs: 1_000 })
    const pid = await spare(runtime)
    const began = performance.now()
    const failure = await runtime.startFails(
      target("slow", "await new Promise(() => setInterval(() => {}, 1000))")
    )
    expect(failure).toMatchObject({ kind: "timeout" })
    expect(performance.now() - began).toBeGreaterThan(990)
    expect(isAlive(pid)).toBe(false)
  })

  it("that ends as it loads has run its bundle once: it is not started again", async () => {
    const runtime = await start({ spares: 1 })
    await spare(runtime)
    const tally = join(folder, "tally")
    const failure = await runtime.startFails(
      target("exits", `require("node:fs").appendFileSync(${JSON.stringify(tally)}, "x"); process.exit(3)`)
    )
    expect(failure).toMatchObject({
      kind: "exit",
      reason: expect.stringContaining("exited with code 3") as string
    })
    expect(await Bun.file(tally).text()).toBe("x")
  })

  it.each(["exit", "signal"])("ends as any other does: %s", async (how) => {
    const runtime = await start({ spares: 1 })
    await spare(runtime)
    const code = how === "exit" ? "process.exit(7)" : `process.kill(process.pid, "SIGSEGV")`
    const worker = await begin(
      runtime,
      target("ends", `export default async () => { ${code}; await new Promise(() => {}) }`)
    )
    expect(await worker.call()).toMatchObject({
      _tag: "Lost",
      fault: how === "exit" ? { kind: "exit", reason: "exited with code 7" } : { kind: "signal" }
    })
  })
})

describe("a spare Bun process", () => {
  it("that was killed is replaced, and harms no start", async () => {
    const runtime = await start({ spares: 1 })
    const pid = await spare(runtime)
    process.kill(pid, "SIGKILL")
    const worker = await begin(runtime, target("hello", hello))
    expect(worker.pid).not.toBe(pid)
    expect(bodyOf(await worker.call({ url: "/" }))).toBe("hello /")
    await until(() => runtime.spares() === 1)
    await until(() => runtime.left().filter((name) => name.includes("spare-1")).length === 0)
  })

  it("that is stopped costs a start some time, and is gone", async () => {
    const runtime = await start({ spares: 1, startupMs: 4_000 })
    const pid = await spare(runtime)
    process.kill(pid, "SIGSTOP")
    const worker = await begin(runtime, target("hello", hello))
    expect(worker.pid).not.toBe(pid)
    expect(bodyOf(await worker.call({ url: "/" }))).toBe("hello /")
    expect(isAlive(pid)).toBe(false)
  })

  it("whose folder was cleared away is not taken", async () => {
    const runtime = await start({ spares: 1 })
    const pid = await spare(runtime)
    for (const name of runtime.left())
      if (name.includes("spare")) rmSync(join(folder, "tmp", name), { recursive: true })
    const worker = await begin(runtime, target("hello", `export default () => new Response(process.cwd())`))
    expect([worker.pid === pid, bodyOf(await worker.call()).startsWith(folder)]).toEqual([false, true])
    await until(() => !isAlive(pid))
  })

  it("serves one of many starts at the same time; the others are started", async () => {
    const runtime = await start({ spares: 1 })
    const pid = await spare(runtime)
    const one = target("hello", hello)
    const all = await Promise.all([runtime.start(one), runtime.start(one), runtime.start(one)])
    workers.push(...all)
    expect(all.filter((worker) => worker.pid === pid)).toHaveLength(1)
    const bodies = await Promise.all(all.map(async (worker) => bodyOf(await worker.call({ url: "/" }))))
    expect(bodies).toEqual(["hello /", "hello /", "hello /"])
  })

  it("has nothing of the function that was there before", async () => {
    const runtime = await start({ spares: 1 })
    const code = `export default () => Response.json([process.env.WHO ?? "", globalThis.mark ?? "", crypto.randomUUID(), Math.random()])
      globalThis.mark = process.env.WHO + (globalThis.mark ?? "")`
    const seen: Array<ReadonlyArray<unknown>> = []
    for (const who of ["first", "second"]) {
      await spare(runtime)
      const worker = await begin(runtime, target(who, code, { env: { WHO: who } }))
      seen.push(JSON.parse(bodyOf(await worker.call())) as ReadonlyArray<unknown>)
      await worker.end()
    }
    expect(seen.map(([who, mark]) => [who, mark])).toEqual([
      ["first", "first"],
      ["second", "second"]
    ])
    expect(new Set(seen.flatMap(([, , ...random]) => random)).size).toBe(4)
  })

  it("that cannot boot costs no start; what it printed is told once", async () => {
    const program = join(folder, "complains.js")
    writeFileSync(program, `console.error("cannot boot"); process.exit(9)`)
    const runtime = await start({ spares: 1, program })
    await until(() => runtime.logs.length > 0)
    const worker = await begin(runtime, target("hello", hello))
    expect(bodyOf(await worker.call({ url: "/" }))).toBe("hello /")
    expect(runtime.logs.join()).toMatch(/a spare worker exited with code 9; .*it printed: cannot boot$/)
    expect(runtime.spares()).toBe(0)
  })

  it("ends with its runtime, and leaves nothing", async () => {
    const runtime = await start({ spares: 2 })
    await until(() => runtime.spares() === 2)
    const pids = generic()
    expect(pids).toHaveLength(2)
    await runtime.close()
    expect(pids.filter(isAlive)).toEqual([])
    await until(() => runtime.left().every((name) => name.startsWith("guest-")))
  })
})
