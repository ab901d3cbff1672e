import { describe, expect, it } from "vitest"
import { type Options, parseOptions } from "./Options.ts"
import { renderTable } from "./Report.ts"
import { benchmarks, exitCodeOf, runBenchmarks } from "./Suite.ts"
import type { Subject } from "./subjects/Subject.ts"

const smoke = (...flags: ReadonlyArray<string>): Options =>
  parseOptions(
    ["--smoke", "--seed", "1", ...flags],
    benchmarks.map(({ id }) => id)
  )

/** Stands in for the server: answers every call by itself. */
const subjectAnswering =
  (answer: (request: Request) => Response | Promise<Response>) => async (): Promise<Subject> => {
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer })
    return {
      deploy: async (name) => ({
        hostname: "127.0.0.1",
        port: server.port as number,
        path: `/functions/${name}`
      }),
      workersReady: async () => {},
      workerMemory: () => [1e6, 2e6],
      workersEnded: async () => {},
      [Symbol.asyncDispose]: () => server.stop(true)
    }
  }

const run = (startSubject: () => Promise<Subject>, ...flags: ReadonlyArray<string>) =>
  runBenchmarks(smoke(...flags), {
    startSubject,
    progress: () => {},
    interruption: new AbortController().signal
  })

const echoing = async (request: Request): Promise<Response> =>
  request.method === "POST" ? new Response(await request.arrayBuffer()) : new Response(crypto.randomUUID())

describe("the benchmarks, against a server that stands in", () => {
  it("measure every promise and count every request", { timeout: 60_000 }, async () => {
    const rows = await run(subjectAnswering(echoing))
    expect(rows.map(({ benchmark }) => benchmark.id)).toEqual(benchmarks.map(({ id }) => id))
    for (const row of rows) {
      if ("broken" in row) throw new Error(row.broken)
      const { figures, ratio, samples } = row.measurement
      expect(row.failures).toEqual({ count: 0, first: null })
      expect(Object.keys(figures)).toEqual(Object.keys(row.benchmark.atLeast))
      for (const figure of Object.values(figures)) expect(figure).toBeTypeOf("number")
      expect(ratio).toBeGreaterThan(0)
      expect(samples.ours).toBeGreaterThan(0)
      expect(samples.raw).toBeGreaterThan(0)
    }
    expect(exitCodeOf(rows, { gate: false })).toBe(0)
    expect(renderTable(rows)).toContain("not judged")
  })

  it("fail on one wrong status among many", async () => {
    let calls = 0
    const subject = subjectAnswering(() => new Response("ok", { status: (calls += 1) === 100 ? 503 : 200 }))
    const rows = await run(subject, "--only", "S-3")
    expect(rows).toMatchObject([{ failures: { count: 1, first: "status 503" } }])
    expect(exitCodeOf(rows, { gate: false })).toBe(1)
    expect(renderTable(rows)).toContain("FAILURES")
  })

  it("fail on a body that comes back changed", async () => {
    const subject = subjectAnswering(async (request) => {
      const bytes = new Uint8Array(await request.arrayBuffer())
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
      return new Response(bytes)
    })
    const rows = await run(subject, "--only", "S-9")
    expect(rows).toMatchObject([{ failures: { first: "other bytes came back" } }])
    expect(exitCodeOf(rows, { gate: false })).toBe(1)
  })

  it("fail on a connection that is closed in the middle, without waiting for ever", async () => {
    let calls = 0
    const subject = subjectAnswering(
      () => new Response("ok", (calls += 1) === 50 ? { headers: { connection: "close" } } : {})
    )
    const rows = await run(subject, "--only", "S-3")
    expect(rows).toMatchObject([{ failures: { count: 1 } }])
    expect(exitCodeOf(rows, { gate: false })).toBe(1)
  })

  it("report a server that does not start, and go on with the next", async () => {
    const rows = await run(() => Promise.reject(new Error("no such port")), "--only", "S-1,S-9")
    expect(rows).toMatchObject([{ broken: "no such port" }, { broken: "no such port" }])
    expect(exitCodeOf(rows, { gate: false })).toBe(1)
  })

  it("stop when interrupted", async () => {
    const interruption = new AbortController()
    const running = runBenchmarks(smoke("--only", "S-1", "--duration", "60"), {
      startSubject: subjectAnswering(echoing),
      progress: () => setTimeout(() => interruption.abort(new Error("interrupted")), 50),
      interruption: interruption.signal
    })
    expect(await running).toMatchObject([
      { broken: expect.stringMatching(/interrupted|load generator ended/) }
    ])
  })
})
