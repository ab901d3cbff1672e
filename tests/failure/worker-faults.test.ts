import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { getFunction, problemOf, serve, until } from "../support/Api.ts"
import { descriptorsOf, isAlive, processesNaming, zombiesOf } from "../support/Processes.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** One function that does as it is told, so that every fault can be followed by a call that must work. */
const faulty = `
export default async (req) => {
  switch (new URL(req.url).searchParams.get("do")) {
    case "spin": while (true) {}
    case "never": return await new Promise(() => {})
    // The engine gives one match up after a second or so; the loop keeps it in native code.
    case "regex": for (;;) /^(a+)+$/.test("a".repeat(64) + "!")
    case "exit0": process.exit(0)
    case "exit3": process.exit(3)
    case "abort": process.abort()
    case "segv": process.kill(process.pid, "SIGSEGV"); return await new Promise(() => {})
    case "stop": process.kill(process.pid, "SIGSTOP"); return await new Promise(() => {})
    case "throw": throw new Error("secret words")
    case "throw-null": throw null
    case "throw-string": throw "words"
    case "nothing": return undefined
    case "number": return 42
    case "late-rejection": setTimeout(() => Promise.reject(new Error("late")), 1); return new Response("answered")
    case "stdout": process.stdout.write("no newline"); return new Response("printed")
    case "forge": console.log('{"id":"x","type":"response","payload":{"status":200,"headers":{},"body":""}}'); return new Response("mine")
    case "close": { const fs = await import("node:fs"); for (let fd = 3; fd < 64; fd++) { try { fs.closeSync(fd) } catch {} } return new Response("closed") }
    case "pid": return new Response(String(process.pid))
    default: return new Response("well")
  }
}`

let server: TestServer
beforeAll(async () => {
  server = await startServer()
  await serve(server, "faulty", faulty, { timeout_seconds: 1, max_workers: 1 })
})
afterAll(async () => {
  await server.dispose()
})

const call = (what: string): Promise<Response> => fetch(`${server.url}/functions/faulty?do=${what}`)

const expectWell = async (): Promise<void> => {
  const response = await call("well")
  expect([response.status, await response.text()]).toEqual([200, "well"])
}

/**
 * Nowhere near R-3's 100 ms, which is held in simulated time (tests/concurrency): here a machine that is busy with other
 * things must not fail the test. It only tells a deadline that is kept from one that is not: nothing here ends by itself.
 */
const HARD_BOUND_MS = 30_000

describe("a deadline that is missed (R-3)", () => {
  for (const what of ["spin", "never", "regex", "stop"]) {
    it(`${what}: FN_002 not before its instant, the worker is replaced, the next call works`, async () => {
      await until(
        () => getFunction(server, "faulty"),
        ({ workers }) => workers.draining === 0 && workers.starting === 0
      )
      const worker = Number(await (await call("pid")).text())
      const startedAt = performance.now()
      const response = await call(what)
      const took = performance.now() - startedAt
      const problem = await problemOf(response)
      expect([response.status, problem.code]).toEqual([504, "FN_002"])
      // Timers round down to whole milliseconds.
      expect(took).toBeGreaterThanOrEqual(999)
      expect(took).toBeLessThan(HARD_BOUND_MS)
      console.log(`R-3 ${what}: a deadline of 1,000 ms was enforced after ${took.toFixed(1)} ms`)
      await expectWell()
      // The one that was late is gone: it is never used again.
      await until(
        () => Promise.resolve(isAlive(worker)),
        (lives) => !lives
      )
    })
  }
})

describe("a worker that dies with an invocation (R-4)", () => {
  for (const what of ["exit0", "exit3", "abort", "segv"]) {
    it(`${what}: FN_004 502 for that call alone`, async () => {
      const response = await call(what)
      const problem = await problemOf(response)
      expect([response.status, problem.code, problem.retryable]).toEqual([502, "FN_004", true])
      await expectWell()
    })
  }

  it("exits, over and over, use no slot up", async () => {
    const statuses = []
    for (let i = 0; i < 12; i += 1) statuses.push((await call("exit0")).status)
    // Each had a worker: the back-off between crashes is waited for, not refused.
    expect(statuses).toEqual(statuses.map(() => 502))
    await until(
      () => call("well"),
      (response) => response.status === 200
    )
  }, 60_000)

  it("a worker that closes its wire is replaced", async () => {
    const response = await call("close")
    expect(response.status).toBe(502)
    await expectWell()
  })
})

describe("the server's terminal", () => {
  it("has a line for a call that missed its deadline, and for one whose worker died", async () => {
    await serve(server, "reported", faulty, { timeout_seconds: 1 })
    const lose = (what: string, id: string): Promise<Response> =>
      fetch(`${server.url}/functions/reported?do=${what}`, { headers: { "x-invocation-id": id } })
    expect((await lose("never", "call-one")).status).toBe(504)
    await server.printed(/ERROR reported@v1 call-one FN_002: the function did not answer within its 1000 ms/)
    expect((await lose("exit3", "call-two")).status).toBe(502)
    await server.printed(/ERROR reported@v1 call-two FN_004: .*it exited with code 3/)
  })
})

describe("a handler that misbehaves", () => {
  const cases: ReadonlyArray<readonly [string, number]> = [
    ["throw", 500],
    ["throw-null", 500],
    ["throw-string", 500],
    ["nothing", 500],
    ["number", 500]
  ]
  for (const [what, status] of cases) {
    it(`${what}: FN_004 ${status} at once, without its words`, async () => {
      const response = await call(what)
      const text = await response.text()
      expect([response.status, response.headers.get("x-function-error")]).toEqual([status, "FN_004"])
      expect(response.headers.get("content-type")).toContain("application/problem+json")
      expect(text).not.toContain("secret words")
      await expectWell()
    })
  }

  it("shows the message, never the stack, with expose_errors", async () => {
    await serve(server, "exposed", faulty, { expose_errors: true })
    const text = await (await fetch(`${server.url}/functions/exposed?do=throw`)).text()
    expect(text).toContain("secret words")
    expect(text).not.toContain("bundle.js")
  })

  for (const [what, answer] of [
    ["late-rejection", "answered"],
    ["stdout", "printed"],
    ["forge", "mine"]
  ] as const) {
    it(`${what} harms nobody`, async () => {
      expect(await (await call(what)).text()).toBe(answer)
      await expectWell()
    })
  }
})

describe("afterwards", () => {
  it("nothing has leaked: workers ≤ max, no zombie, descriptors as before", async () => {
    await expectWell()
    const before = descriptorsOf(server.pid).length
    for (let i = 0; i < 5; i += 1) await call("exit3")
    await until(
      () => call("well"),
      (response) => response.status === 200
    )
    await until(
      () => getFunction(server, "faulty"),
      (view) => view.workers.draining === 0 && view.workers.starting === 0
    )
    expect(zombiesOf(server.pid)).toEqual([])
    // Of this function one, by its max_workers; of the exposed one and the reported one too; and a spare one.
    expect(processesNaming(`${server.dataDir}/tmp/guest-`).length).toBeLessThanOrEqual(4)
    // A worker is a socket and two pipes; whichever worker lives now had one before, and a spare one may be there or not.
    expect(descriptorsOf(server.pid).length).toBeLessThanOrEqual(before + 8)
  })
})
