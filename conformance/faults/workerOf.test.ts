import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { ServerOptions } from "../model/Options.ts"
import { whyNotApplicable } from "../model/Suite.ts"
import { Transcript } from "../model/Transcript.ts"
import { Door, Fn } from "../server/Door.ts"
import { cpuTicks, ownNumber, type ProcessEntry } from "../server/target/processTable.ts"
import { faultsSuite } from "./suite.ts"
import { toldProcess, workerOf } from "./workerOf.ts"

/** A server whose functions say that they are this process. */
let told: number | null
let http: Server
/** The process that stands for the server, with two below it: one that computes for its user, and the suite's, which waits. */
let server: ChildProcess
let users: number
let suites: number
beforeEach(async () => {
  told = null
  http = createServer(async ({ url = "" }, response) => {
    if (url === "/ready") return response.end(JSON.stringify({ ready: true, runtimes }))
    if (url.includes("/spin")) await computed()
    return response.end(JSON.stringify({ worker: "w", count: 1, pid: told }))
  })
  http.listen(0, "127.0.0.1")
  await once(http, "listening")
  server = spawn("/bin/sh", ["-c", "while :; do :; done & echo $!; sleep 1000 & echo $!; wait"], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"]
  })
  let said = ""
  while (said.split("\n").length < 3) said += String((await once(server.stdout ?? server, "data"))[0])
  ;[users = 0, suites = 0] = said.split("\n").map(Number)
})
afterEach(() => {
  if (server.pid !== undefined) process.kill(-server.pid, "SIGKILL")
  http.close()
})

const runtimes = { bun: { available: true }, "quickjs-ng": { available: true } }

/** Resolves once the one that computes has used 100 ms more. */
const computed = async (): Promise<void> => {
  const before = cpuTicks(users)
  await expect.poll(() => cpuTicks(users) - before, { timeout: 60_000 }).toBeGreaterThanOrEqual(10)
}

const fn = (): Fn => {
  const { port } = http.address() as AddressInfo
  const address = {
    url: new URL(`http://127.0.0.1:${port}`),
    socket: null,
    apiKey: null,
    logsDir: () => null,
    pid: () => server.pid ?? null,
    shared: new Map()
  }
  const context = {
    signal: new AbortController().signal,
    folder: "",
    owns: () => () => {},
    transcript: new Transcript(),
    seed: 0,
    ranProperties: () => {},
    observe: () => {}
  }
  return new Fn(new Door(address, context, "", "bun"), { name: "f", id: "f" })
}

describe("the worker of a function, on a server of somebody else's", () => {
  it("is the process that the function says it is, whoever else computes", async () => {
    told = suites
    expect((await workerOf(fn(), false)).pid).toBe(suites)
    expect(suites).not.toBe(users)
  })

  it("is not looked for by what computes: that may be the user's own", async () => {
    await expect(workerOf(fn(), false)).rejects.toThrow(
      "does not tell which process it is; nothing was sent a signal"
    )
  })

  it("is nobody who does not descend from the server", async () => {
    told = process.pid
    await expect(workerOf(fn(), false)).rejects.toThrow("was not found below the server")
  })
})

describe("a fault that signals workers", () => {
  /** Why it is not played against a server that runs, with these; null where it is. */
  const whyNot = async (more: Partial<ServerOptions>): Promise<string | null> => {
    const { port } = http.address() as AddressInfo
    const options = {
      requirements: new Map(),
      caseFiles: [],
      propertyRuns: null,
      timeoutFactor: 1,
      cmd: null,
      scriptedWorker: null,
      url: `http://127.0.0.1:${port}`,
      socket: null,
      apiKey: null,
      runtimes: ["bun", "quickjs-ng"],
      functions: "",
      ...more
    }
    const { cases, start } = await faultsSuite(options)
    const { facts } = await start({
      signal: new AbortController().signal,
      folder: "",
      owns: () => () => {}
    })
    const killed = cases.find(({ id }) => id === "faults/worker-killed")
    if (killed === undefined) throw new Error("there is no such fault")
    return whyNotApplicable({ needs: killed.needs, requirements: [] }, facts, new Map())
  }

  it("is played where a process is named, and a runtime whose workers tell theirs", async () => {
    const { pid = null } = server
    expect(await whyNot({})).toContain("give --pid of the server")
    expect(await whyNot({ pid })).toBeNull()
    // the test's own process listens there, and started what is named
    expect(await whyNot({ pid: process.pid })).toBeNull()
    expect(await whyNot({ pid, runtimes: ["quickjs-ng"] })).toContain(
      "workers of quickjs-ng do not tell which process they are, and no other may be meant: give --cmd"
    )
  })
})

describe("the worker of a function, on a server of the suite's own", () => {
  it("is the process that computes, where it does not say", async () => {
    expect((await workerOf(fn(), true)).pid).toBe(users)
  })
})

describe("the process with a number", () => {
  const entry = (pid: number): ProcessEntry => ({ pid, parent: 1, state: "S", startedAt: String(pid) })

  it("may have another number outside of its container", () => {
    const numbers = new Map([
      [100, 7],
      [101, 8]
    ])
    const numberOf = (pid: number) => numbers.get(pid) ?? null
    expect(toldProcess([entry(100), entry(101)], 8, numberOf)).toEqual(entry(101))
    // 100 is a number here, and nobody's inside
    expect(() => toldProcess([entry(100), entry(101)], 100, numberOf)).toThrow("was not found")
  })

  it("is none where two containers have it", () => {
    expect(() => toldProcess([entry(100), entry(101)], 7, () => 7)).toThrow("nothing was sent a signal")
  })

  it("is told by the kernel", () => {
    expect(ownNumber(process.pid)).toBe(process.pid)
    expect(ownNumber(4_194_305)).toBeNull()
  })
})
