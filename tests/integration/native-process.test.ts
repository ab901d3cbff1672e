import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { ForkedWorker, ForkServer } from "../support/ForkServer.ts"
import { functionFixture, nativeProgram } from "../support/GuestProcess.ts"
import { bundleOf, goesOn, native, testFolder } from "../support/HardenedWorker.ts"

describe("a native worker whose stdin is no stream", () => {
  const run = async (stdin: Bun.BunFile) => {
    const child = Bun.spawn([nativeProgram, "--bundle", functionFixture("valid/hello.js")], {
      stdio: [stdin, "pipe", "pipe"],
      env: { PATH: "/usr/bin:/bin" }
    })
    onTestFinished(() => child.kill("SIGKILL"))
    const said = (await new Response(child.stdout).text()).trim().split("\n")
    return {
      code: await child.exited,
      types: said.map((line) => (JSON.parse(line) as { type: string }).type)
    }
  }

  test("reads a file to its end", async () => {
    const path = join(testFolder(), "lines")
    const call = { method: "GET", path: "/", url: "/", headers: {}, query: {}, body: "" }
    const lines = [
      { id: "p", type: "ping", payload: {} },
      { id: "i", type: "invoke", payload: call }
    ]
    writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
    const { code, types } = await run(Bun.file(path))
    expect(types[0]).toBe("ready")
    expect(types.toSorted()).toEqual(["pong", "ready", "response"])
    expect(code).toBe(0)
  })

  test("ends with /dev/null", async () => {
    expect(await run(Bun.file("/dev/null"))).toEqual({ code: 0, types: ["ready"] })
  })
})

describe("the kernel's limits of a native worker", () => {
  const limits = { memory_mb: 64, stack_kb: 256, cpu_seconds: 77, max_fds: 33, max_processes: 4321 }
  const held = (pid: number) => {
    const text = readFileSync(`/proc/${pid}/limits`, "utf8")
    const of = (name: string): string =>
      new RegExp(`^${name} +(\\S+) +(\\S+)`, "m").exec(text)?.slice(1).join(" ") ?? ""
    return [of("Max cpu time"), of("Max open files"), of("Max processes"), of("Max core file size")]
  }
  const expected = ["77 77", "33 33", "4321 4321", "0 0"]

  test("are those of its environment", async () => {
    const guest = await native(functionFixture("valid/hello.js"), 64, {
      BUNBASE_CPU_SECONDS: "77",
      BUNBASE_MAX_FDS: "33",
      BUNBASE_MAX_PROCESSES: "4321"
    })
    expect(held(guest.child.pid)).toEqual(expected)
  })

  test("are those of its load, in a fork as well", async () => {
    const server = await ForkServer.start()
    const worker = await ForkedWorker.ready(server.path)
    expect(await worker.load(functionFixture("valid/hello.js"), { limits })).toMatchObject({ type: "ready" })
    expect(held(worker.pid)).toEqual(expected)
    expect(held(server.child.pid)).not.toEqual(expected)
  })

  test.each(["9223372036854775807", "17592186044416", "4611686018427387904"])(
    "may be larger than any machine: %s",
    async (huge) => {
      const env = { BUNBASE_MEMORY_MB: huge, BUNBASE_STACK_KB: huge, BUNBASE_CPU_SECONDS: huge }
      await goesOn(await native(bundleOf(""), 0, env))
    }
  )
})

describe("a fork server without descriptors", () => {
  test("refuses connections, says why, and takes them again", async () => {
    const server = await ForkServer.start()
    const { pid } = server.child
    const limitTo = async (soft: number): Promise<void> => {
      const command = ["prlimit", "--pid", String(pid), `--nofile=${soft}:`]
      expect(await Bun.spawn(command, { stdio: ["ignore", "ignore", "inherit"] }).exited).toBe(0)
    }
    const before = Number(/^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1])
    await limitTo(readdirSync(`/proc/${pid}/fd`).length)
    for (let i = 0; i < 3; i += 1) {
      const connected = ForkedWorker.connect(server.path)
      expect(await connected.then((worker) => worker.next()).catch(() => null)).toBe(null)
      expect(await server.next()).toMatchObject({ type: "fork_failed", payload: { errno: "EMFILE" } })
    }
    await limitTo(before)
    const worker = await ForkedWorker.ready(server.path)
    expect(await worker.load(functionFixture("valid/hello.js"))).toMatchObject({ type: "ready" })
  })
})
