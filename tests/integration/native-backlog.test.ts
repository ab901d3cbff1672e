import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { ForkedWorker, ForkServer, type Message } from "../support/ForkServer.ts"
import { bundleOf } from "../support/HardenedWorker.ts"
import { residentFactor } from "../support/patience.ts"

const MIB = 1024 * 1024

const statusOf = (pid: number, name: string): string =>
  new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? ""
/** The most memory that a process ever had, bytes. */
const mostOf = (pid: number): number => Number(statusOf(pid, "VmHWM")) * 1024

const started = async (statements: string, before = ""): Promise<ForkedWorker> => {
  // the sanitizer would keep what was freed, and count as the worker's
  const server = await ForkServer.start({ ASAN_OPTIONS: "quarantine_size_mb=1" })
  const worker = await server.worker()
  const limits = { memory_mb: 64 }
  expect(await worker.load(bundleOf(statements, before), { limits })).toMatchObject({ type: "ready" })
  return worker
}

const invoke = (worker: ForkedWorker, id: string, body = ""): void =>
  worker.send("invoke", { method: "POST", path: "/", url: "/", headers: {}, query: {}, body }, id)

/** The worker has more to say than may be kept for a host that does not read, and waits for it. */
const clogged = async (worker: ForkedWorker, before: number): Promise<void> => {
  await expect
    .poll(() => mostOf(worker.pid) - before > 6 * MIB && statusOf(worker.pid, "State"), { timeout: 30_000 })
    .toBe("S")
}

const untilAnswered = async (worker: ForkedWorker, ids: ReadonlyArray<string>): Promise<Array<Message>> => {
  const open = new Set(ids)
  const seen: Array<Message> = []
  while (open.size > 0) {
    const message = await worker.next()
    if (message === null) throw new Error(`the worker ended before it answered ${[...open].join()}`)
    if (message.type !== "log") open.delete(message.id)
    seen.push(message)
  }
  return seen
}

describe("a native worker whose host does not read", () => {
  const ids = Array.from({ length: 32 }, (_, i) => `i${i}`)

  test.each([
    ["at once", 3 * MIB, ""],
    // these wait in the function's own memory
    ["later", 1.5 * MIB, "await new Promise((resolve) => setTimeout(resolve, 1));"]
  ])("keeps no more than a few MiB of its answers outside of its limit: %s", async (_when, size, wait) => {
    const worker = await started(
      `${wait} return new Response(bytes)`,
      `const bytes = new Uint8Array(${size})`
    )
    const before = mostOf(worker.pid)
    worker.pause()
    for (const id of ids) invoke(worker, id)
    await clogged(worker, before)
    expect(mostOf(worker.pid)).toBeLessThan(72 * MIB * residentFactor())
    worker.resume()
    const seen = await untilAnswered(worker, ids)
    expect(seen.map(({ type, payload }) => `${type} ${String(payload["body"]).length}`)).toEqual(
      ids.map(() => `response ${Math.ceil(size / 3) * 4}`)
    )
    expect(mostOf(worker.pid)).toBeLessThan(72 * MIB * residentFactor())
  })

  test("reads on when the host does, though both write much", async () => {
    const worker = await started("return new Response(await request.arrayBuffer())")
    const body = Buffer.alloc(MIB, "both").toString("base64")
    worker.pause()
    for (const id of ids) invoke(worker, id, body)
    worker.send("ping", {}, "p")
    worker.readSlowly()
    const seen = await untilAnswered(worker, [...ids, "p"])
    const pongs = seen.filter(({ type, id }) => type === "pong" && id === "p")
    const answers = seen.filter(({ type, payload }) => type === "response" && payload["body"] === body)
    expect([pongs.length, answers.length]).toEqual([1, ids.length])
  })

  test("hears of what was cancelled once the host has read on", async () => {
    const worker = await started(
      `if ((await request.text()) === "wait") return new Promise(() => {})
      return new Response(bytes)`,
      `const bytes = new Uint8Array(${10 * MIB})`
    )
    const before = mostOf(worker.pid)
    invoke(worker, "w", Buffer.from("wait").toString("base64"))
    worker.pause()
    for (const id of ["a", "b"]) invoke(worker, id)
    worker.send("cancel", { reason: "caller" }, "w")
    worker.send("shutdown")
    await clogged(worker, before)
    worker.resume()
    const [first, second] = await untilAnswered(worker, ["a", "b"])
    expect([first?.id, second?.id]).toEqual(["a", "b"])
  })

  test("tells of the lines that were dropped before the answer that follows them (R-12)", async () => {
    const worker = await started(
      `const line = "x".repeat(1_000)
      for (let i = 0; i < 20_000; i++) console.log(line)
      return new Response("done")`
    )
    const before = mostOf(worker.pid)
    worker.pause()
    invoke(worker, "i")
    await clogged(worker, before)
    worker.resume()
    const seen = await untilAnswered(worker, ["i"])
    const lines = seen.filter(({ payload }) => String(payload["message"]).startsWith("xx")).length
    const notes = seen.filter(({ id, type }) => id === "" && type === "log")
    expect(lines).toBeGreaterThan(1_000)
    expect(notes.map(({ payload }) => payload["message"])).toEqual([
      `${20_000 - lines} log lines were dropped because the host did not read them in time`
    ])
  })

  test("tells of dropped lines as soon as the host has read on, whoever answers when", async () => {
    const worker = await started(
      `const line = "x".repeat(1_000)
      for (let i = 0; i < 20_000; i++) console.log(line)
      return new Promise(() => {})`
    )
    const before = mostOf(worker.pid)
    worker.pause()
    invoke(worker, "i")
    await clogged(worker, before)
    worker.resume()
    let message = await worker.next()
    while (message !== null && message.id === "i") message = await worker.next()
    expect(message?.payload["message"]).toMatch(/^\d+ log lines were dropped/)
  })
})
