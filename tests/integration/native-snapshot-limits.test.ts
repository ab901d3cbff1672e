import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, test } from "vitest"
import { ForkedWorker, ForkServer } from "../support/ForkServer.ts"
import { functionFixture } from "../support/GuestProcess.ts"

/** The soft limit of a process as the kernel shows it: a number, or "unlimited". */
const limitOf = (pid: number, name: string): string | undefined =>
  new RegExp(`^Max ${name} +(\\S+)`, "m").exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1]

describe("a fork server of a loaded bundle", () => {
  const limits = { memory_mb: 64, cpu_seconds: 77, max_fds: 32, max_processes: 3 }

  test("lives longer than the processor time of one of its workers, and may start processes", async () => {
    const server = await ForkServer.start()
    const control = await server.worker()
    const path = join(dirname(server.path), "version.sock")
    const bundle = functionFixture("valid/hello.js")
    expect(await control.load(bundle, { zygote: path, limits })).toMatchObject({ type: "ready" })
    expect(limitOf(control.pid, "cpu time")).toBe(limitOf(server.child.pid, "cpu time"))
    expect(limitOf(control.pid, "processes")).toBe(limitOf(server.child.pid, "processes"))
    expect(limitOf(control.pid, "open files")).toBe("32")
    for (let i = 0; i < 2; i += 1) {
      const worker = await ForkedWorker.ready(path)
      expect(limitOf(worker.pid, "cpu time")).toBe("77")
      expect(limitOf(worker.pid, "processes")).toBe("3")
      expect(limitOf(worker.pid, "open files")).toBe("32")
      expect(await worker.text()).toBe("hello")
    }
  })
})
