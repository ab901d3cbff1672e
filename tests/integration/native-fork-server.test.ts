import { spawnSync } from "node:child_process"
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { ForkedWorker, ForkServer } from "../support/ForkServer.ts"
import { functionFixture, nativeProgram } from "../support/GuestProcess.ts"
import { bodyOf, bundledTarget, startRuntime } from "../support/ForkedRuntime.ts"
import { descriptorsOf, isAlive, zombiesOf } from "../support/Processes.ts"

const hello = functionFixture("valid/hello.js")
const gone = (pid: number) => expect.poll(() => isAlive(pid)).toBe(false)

/** Unix time counted from the worker's own start, which was not before `before`. */
const expectOwnClock = (
  before: number,
  said: { readonly timeOrigin: number; readonly now: number }
): void => {
  expect(said.timeOrigin).toBeGreaterThanOrEqual(before)
  expect(said.now).toBeGreaterThanOrEqual(0)
  expect(said.timeOrigin + said.now).toBeLessThanOrEqual(Date.now() + 1)
}

describe("a fork server", () => {
  test("makes a worker of each connection", async () => {
    const server = await ForkServer.start()
    const workers = await Promise.all(Array.from({ length: 5 }, () => server.worker()))
    expect(new Set(workers.map(({ pid }) => pid)).size).toBe(5)
    for (const worker of workers) {
      expect(await worker.load(hello)).toMatchObject({ type: "ready", payload: { pid: worker.pid } })
      expect(await worker.text()).toBe("hello")
    }
  })

  test("takes a load that does not wait for ready", async () => {
    const server = await ForkServer.start()
    const worker = await ForkedWorker.connect(server.path)
    worker.send("load", { bundle_path: hello, handler: "", env: {} })
    expect(await worker.next()).toMatchObject({ type: "ready" })
    expect(await worker.next()).toMatchObject({ type: "ready", payload: { handler: "default" } })
    expect(await worker.text()).toBe("hello")
  })

  test("says how each of them ended", async () => {
    const server = await ForkServer.start()
    const [closed, killed, failed] = [await server.worker(), await server.worker(), await server.worker()]
    closed.close()
    expect(await server.next()).toEqual({
      id: "",
      type: "exited",
      payload: { pid: closed.pid, code: 0, signal: null, max_rss_kb: expect.any(Number) }
    })
    process.kill(killed.pid, "SIGKILL")
    expect(await server.next()).toMatchObject({
      type: "exited",
      payload: { pid: killed.pid, code: null, signal: "SIGKILL" }
    })
    expect(await failed.load(functionFixture("invalid/throws-at-import.js"))).toMatchObject({
      type: "error",
      payload: { code: "BUNDLE_LOAD_ERROR", message: "TypeError: not configured" }
    })
    expect(await server.next()).toMatchObject({
      type: "exited",
      payload: { pid: failed.pid, code: 1, signal: null }
    })
    expect(zombiesOf(server.child.pid)).toEqual([])
  })

  test("says how much memory each of them had at most", async () => {
    const server = await ForkServer.start()
    const [small, large] = [await server.worker(), await server.worker()]
    await small.load(functionFixture("valid/exhausts.js"))
    await large.load(functionFixture("valid/exhausts.js"))
    expect(await large.text("/hold-32-mib")).toBe("held")
    const endOf = async ({ pid }: ForkedWorker): Promise<number> => {
      process.kill(pid, "SIGKILL")
      const said = await server.next()
      expect(said).toMatchObject({ type: "exited", payload: { pid, signal: "SIGKILL" } })
      return said?.payload["max_rss_kb"] as number
    }
    const [a, b] = [await endOf(small), await endOf(large)]
    expect(a).toBeGreaterThan(0)
    expect(b).toBeGreaterThanOrEqual(a + 24 * 1024)
    expect(b).toBeGreaterThanOrEqual(32 * 1024)
  })

  test("gives each worker a clock that begins with it", async () => {
    const server = await ForkServer.start()
    const before = Date.now()
    const worker = await server.worker()
    await worker.load(functionFixture("valid/clock.js"))
    expectOwnClock(before, JSON.parse(await worker.text()))
  })

  test("answers a ping, and passes over what it does not know", async () => {
    const server = await ForkServer.start()
    server.send("from_the_future")
    server.send("ping")
    expect(await server.next()).toMatchObject({ type: "pong" })
  })

  test("is for its own user alone, and takes over what a killed one left behind", async () => {
    const server = await ForkServer.start()
    expect(lstatSync(server.path).mode & 0o777).toBe(0o600)
    server.child.kill("SIGKILL")
    await server.child.exited
    expect(existsSync(server.path)).toBe(true)
    const next = await ForkServer.start({}, server.path)
    expect(await (await next.worker()).load(hello)).toMatchObject({ type: "ready" })
  })

  test("ends with its children when it is told to", async () => {
    const server = await ForkServer.start()
    const workers = [await server.worker(), await server.worker()]
    server.send("shutdown")
    expect(await server.child.exited).toBe(0)
    for (const { pid } of workers) await gone(pid)
    expect(existsSync(server.path)).toBe(false)
  })

  test("ends at once, with children that spin, when its host is gone", async () => {
    const server = await ForkServer.start()
    const worker = await server.worker()
    await worker.load(functionFixture("valid/spins.js"))
    worker.send("invoke", { method: "GET", path: "/", headers: {}, query: {}, body: "" }, "i")
    expect(await worker.next()).toMatchObject({ type: "log" })
    server.hangUp()
    expect(await server.child.exited).toBe(0)
    await gone(worker.pid)
  })

  test("that is killed takes its workers with it", async () => {
    const server = await ForkServer.start()
    const worker = await server.worker()
    await worker.load(hello)
    server.child.kill("SIGKILL")
    await server.child.exited
    await gone(worker.pid)
    expect(await worker.next()).toBeNull()
  })

  test("keeps no descriptor of the workers that it made, and gives them none of its own", async () => {
    const server = await ForkServer.start()
    const before = descriptorsOf(server.child.pid)
    for (let round = 0; round < 50; round += 1) {
      const workers = await Promise.all(Array.from({ length: 20 }, () => server.worker()))
      for (const worker of workers) worker.close()
      for (const _ of workers) expect(await server.next()).toMatchObject({ type: "exited" })
    }
    expect(descriptorsOf(server.child.pid).toSorted()).toEqual(before.toSorted())
    expect(zombiesOf(server.child.pid)).toEqual([])
    const worker = await server.worker()
    const sockets = descriptorsOf(worker.pid).filter((name) => name.startsWith("socket:"))
    // its connection, and the standard streams that it has from the server
    const standard = before.filter((name) => name.startsWith("socket:") || name.startsWith("pipe:"))
    expect(sockets.length).toBeLessThanOrEqual(1 + standard.length)
    expect(sockets.filter((name) => !before.includes(name))).toHaveLength(1)
  })

  test("says that a fork failed, closes that connection, and goes on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bunbase-fork-fault-"))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const fault = join(folder, "fault")
    const source = join(folder, "fault.c")
    const library = join(folder, "fault.so")
    // a fork that fails while a file is there: what the kernel does at its limit of processes
    writeFileSync(
      source,
      `#define _GNU_SOURCE
       #include <dlfcn.h>
       #include <errno.h>
       #include <unistd.h>
       pid_t fork(void) {
         if (access(${JSON.stringify(fault)}, F_OK) == 0) { errno = EAGAIN; return -1; }
         return ((pid_t (*)(void))dlsym(RTLD_NEXT, "fork"))();
       }`
    )
    const compiled = spawnSync(
      process.env["CC"] ?? "cc",
      ["-shared", "-fPIC", "-o", library, source, "-ldl"],
      {
        encoding: "utf8"
      }
    )
    expect(compiled.stderr).toBe("")
    const server = await ForkServer.start({
      LD_PRELOAD: library,
      // for the sanitizer build, which wants to be the first library
      ASAN_OPTIONS: "verify_asan_link_order=0"
    })
    expect(await (await server.worker()).load(hello)).toMatchObject({ type: "ready" })
    writeFileSync(fault, "")
    // it is closed at once: perhaps before it was seen to be open
    const refused = ForkedWorker.connect(server.path).then(
      (worker) => worker.next(),
      () => null
    )
    expect(await server.next()).toEqual({ id: "", type: "fork_failed", payload: { errno: "EAGAIN" } })
    expect(await refused).toBeNull()
    rmSync(fault)
    const worker = await server.worker()
    expect(await worker.load(hello)).toMatchObject({ type: "ready" })
    expect(await worker.text()).toBe("hello")
  })
})

describe("a fork server of a loaded bundle", () => {
  const snapshot = async (bundle: string) => {
    const server = await ForkServer.start()
    const control = await server.worker()
    const path = join(dirname(server.path), "version.sock")
    const said = await control.load(bundle, { zygote: path })
    return { server, control, path, said }
  }

  test("makes workers that have it already", async () => {
    const { control, path, said } = await snapshot(functionFixture("valid/snapshot.js"))
    expect(said).toMatchObject({ type: "ready", payload: { features: ["fork"], pid: control.pid } })
    const workers = await Promise.all(Array.from({ length: 3 }, () => ForkedWorker.ready(path)))
    const seen = []
    for (const worker of workers) seen.push(JSON.parse(await worker.text()))
    // what was made at import is the same for all; nothing that one does reaches another
    expect(new Set(seen.map(({ madeAtImport }) => JSON.stringify(madeAtImport))).size).toBe(1)
    expect(seen.map(({ calls }) => calls)).toEqual([1, 1, 1])
    // what is drawn later is everybody's own
    for (const field of ["own", "uuid", "bytes"])
      expect(new Set(seen.map((one) => JSON.stringify(one[field]))).size).toBe(3)
  })

  test("makes workers whose clock begins with the fork", async () => {
    const { path } = await snapshot(functionFixture("valid/clock.js"))
    const before = Date.now()
    const seen = JSON.parse(await (await ForkedWorker.ready(path)).text())
    expectOwnClock(before, seen)
    // what was read while the bundle was loaded counts from another origin
    expect(seen.atImport.timeOrigin).toBeLessThanOrEqual(before)
  })

  test("refuses at once to fetch while the bundle is loaded, and not any more in its workers", async () => {
    const refusal = "fetch: nothing can be fetched while a snapshot is made"
    const needs = await snapshot(functionFixture("invalid/fetches-at-import.js"))
    expect(needs.said).toMatchObject({
      type: "error",
      payload: {
        code: "BUNDLE_LOAD_ERROR",
        message: expect.stringContaining(`TypeError: ${refusal}`),
        line: 2
      }
    })
    const { path } = await snapshot(functionFixture("valid/tries-at-import.js"))
    const worker = await ForkedWorker.ready(path)
    expect(await worker.text()).toContain(`TypeError: ${refusal}`)
    worker.send("invoke", { method: "GET", path: "/", url: "/again", headers: {}, query: {}, body: "" }, "i")
    expect(await worker.next()).toMatchObject({ id: "i", type: "call", payload: { name: "fetch" } })
  })

  test("makes workers whose open timers run on", async () => {
    const { path } = await snapshot(functionFixture("valid/snapshot.js"))
    for (let i = 0; i < 3; i += 1) {
      const worker = await ForkedWorker.ready(path)
      expect(await worker.text("/timer")).toBe("fired")
      expect(await worker.text("/ticks")).toBe("ticking")
    }
  })

  test("waits for a top-level await, and says why a bundle cannot be loaded", async () => {
    const slow = await snapshot(functionFixture("valid/slow-import.js"))
    expect(await (await ForkedWorker.ready(slow.path)).text()).toBe("loaded at last")
    const broken = await snapshot(functionFixture("invalid/syntax-error.js"))
    expect(broken.said).toMatchObject({
      type: "error",
      payload: { code: "BUNDLE_LOAD_ERROR", line: 4, column: 1 }
    })
  })

  test("says that it cannot listen", async () => {
    const server = await ForkServer.start()
    const control = await server.worker()
    expect(await control.load(hello, { zygote: "/nonexistent/folder/x.sock" })).toMatchObject({
      type: "error",
      payload: { code: "BUNDLE_LOAD_ERROR", message: expect.stringContaining("cannot listen") }
    })
    expect(await server.next()).toMatchObject({ type: "exited", payload: { pid: control.pid, code: 1 } })
  })

  test("is one of the server's children, and reports its own", async () => {
    const { server, control, path } = await snapshot(hello)
    const worker = await ForkedWorker.ready(path)
    worker.close()
    expect(await control.next()).toMatchObject({ type: "exited", payload: { pid: worker.pid, code: 0 } })
    const other = await ForkedWorker.ready(path)
    control.close()
    expect(await server.next()).toMatchObject({ type: "exited", payload: { pid: control.pid, code: 0 } })
    await gone(other.pid)
  })
})

describe("a host whose forked worker is killed", () => {
  test.each([
    ["at its memory limit calls that a death of memory", 40, "memory"],
    ["far below it does not", 1024, "signal"]
  ])("%s", async (_name, memory_mb, kind) => {
    const folder = mkdtempSync(join(tmpdir(), "bunbase-memory-"))
    const runtime = await startRuntime(folder, nativeProgram)
    onTestFinished(async () => {
      await runtime.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const code = `const held = []
      export default ({ url }) => {
        if (url.endsWith("/wait")) return new Promise(() => {})
        for (let i = 0; i < 36; i++) held.push(new Uint8Array(1024 * 1024).fill(1))
        return new Response("held")
      }`
    const target = bundledTarget(folder, "holds", code)
    const worker = await runtime.start({ ...target, limits: { ...target.limits, memory_mb } })
    expect(bodyOf(await worker.call())).toBe("held")
    const lost = worker.call({ url: "/wait" })
    process.kill(worker.pid, "SIGKILL")
    expect(await lost).toEqual({
      _tag: "Lost",
      fault: { kind, reason: "was ended by SIGKILL", signal: "SIGKILL" }
    })
  })
})
