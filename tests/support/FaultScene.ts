import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect } from "vitest"
import type { FunctionView, SystemView } from "../../src/protocol/Management.ts"
import type { Problem } from "../../src/protocol/Problem.ts"
import { deleteFunction, getFunction, serve, until } from "./Api.ts"
import { beyond, holdingsOf } from "./Leftovers.ts"
import { isCi, runsNative } from "./NativeProgram.ts"
import { childrenOf, commandOf } from "./Processes.ts"
import { startServer, type TestServer, type TestServerOptions } from "./TestServer.ts"

/**
 * Where a fault is put into a real server. After each scene the server has to be what it was before: its functions are deleted,
 * and then it has no process, descriptor, socket, temp folder or control group that it did not have; at no moment were there
 * more workers than `max_workers`; each invocation had one outcome, and has one record of it, which says the same.
 */

export type RuntimeName = "bun" | "quickjs-ng"
export const runtimes: ReadonlyArray<RuntimeName> = runsNative(isCi()) ? ["bun", "quickjs-ng"] : ["bun"]

/**
 * Nowhere near R-3's 100 ms, which is held in simulated time (tests/concurrency): here a machine that is busy with other
 * things must not fail the test. It only tells what is ended from what is not: nothing in these scenes ends by itself.
 */
export const HARD_BOUND_MS = 30_000

/** An answer, and how long it took. */
export interface Ended {
  readonly id: string
  readonly status: number
  readonly text: string
  readonly headers: Headers
  /** What the answer says of a failure; null for one that went well. */
  readonly problem: Problem | null
  readonly ms: number
}

export type Expected = Partial<
  Pick<Problem, "code" | "cause" | "exit_code" | "signal" | "limit_ms" | "phase">
> & {
  readonly status: number
}

export type LogLine = Readonly<Record<string, unknown>>

export interface Stage {
  readonly server: TestServer
  /**
   * Registers a function and deploys it. `versions`: so many may have workers at the same time, each up to `max_workers`,
   * because the scene deploys further ones.
   */
  readonly serve: (
    bundle: string,
    settings?: Readonly<Record<string, unknown>>,
    versions?: number
  ) => Promise<string>
  /** Calls a function. Its outcome is held against its record when the scene is over. */
  readonly call: (name: string, path?: string, init?: RequestInit) => Promise<Ended>
  /** The id of a call that a scene makes by itself, and what its record has to say. */
  readonly expectRecord: (id: string, fields: Readonly<Record<string, unknown>>) => void
  readonly view: (name: string) => Promise<FunctionView>
  /** Once what is asked for is so. */
  readonly untilShown: (name: string, holds: (view: FunctionView) => boolean) => Promise<FunctionView>
  /** The process of a function's one worker; on quickjs-ng that of the one worker of all. */
  readonly workerOf: (name: string, runtime: RuntimeName) => Promise<number>
  /** What was logged so far, invocations' records included. */
  readonly logged: () => ReadonlyArray<LogLine>
  /** The first line that was or is logged with these fields and, where it is given, such a message. */
  readonly untilLogged: (fields: LogLine, message?: RegExp) => Promise<LogLine>
}

export interface Scene {
  readonly server: () => TestServer
  readonly play: (act: (stage: Stage) => Promise<void>) => Promise<void>
}

/** A server for the scenes of a file. Spare workers on quickjs-ng are none, so that a worker's process can be told. */
export const faultScene = (options: TestServerOptions & { readonly tearsLines?: boolean } = {}): Scene => {
  let server: TestServer
  let hasStarted = false
  const at = options.flags?.indexOf("--bun-spare-workers") ?? -1
  const spares = at === -1 ? 1 : Number(options.flags?.[at + 1])
  const records = new Map<string, Readonly<Record<string, unknown>>>()
  beforeAll(async () => {
    server = await startServer({
      ...options,
      flags: ["--quickjs-spare-workers", "0", ...(options.flags ?? [])]
    })
    if (options.tearsLines === true) tearing.add(server)
    hasStarted = true
    // What a server opens with its first worker, it keeps.
    await Promise.all(
      runtimes.map(async (runtime) => {
        const name = `first-${runtime}`
        await serve(server, name, `export default () => new Response("first")`, { runtime })
        expectAnswer(await callOf(server, name, "/", {}), "first")
        await deleteFunction(server, name)
      })
    )
  })
  afterAll(async () => {
    if (!hasStarted) return
    await server.stop()
    const written = logLines(server)
    expect(server.output()).not.toContain("internal error")
    await server.dispose()
    expectRecords(written, records)
  })
  return {
    server: () => server,
    play: async (act) => {
      const before = await settledHoldings(server, spares)
      const stage = new RunningStage(server, records)
      try {
        await act(stage)
      } catch (cause) {
        await stage.abandon()
        throw cause
      }
      await stage.end()
      await until(
        async () => logLines(server),
        (lines) => missing(lines, records).length === 0
      )
      expectRecords(logLines(server), records)
      await expectHoldings(server, before)
    }
  }
}

/** The answer failed for this reason, and no other, after its limit and not for ever. */
export const expectFailed = (ended: Ended, expected: Expected, notBeforeMs = 0): void => {
  const { status, ...fields } = expected
  expect({ status: ended.status, problem: ended.problem }).toEqual({
    status,
    problem: expect.objectContaining({ ...fields, status, invocation_id: ended.id })
  })
  // Timers round down to whole milliseconds.
  expect(ended.ms).toBeGreaterThanOrEqual(notBeforeMs - 1)
  expect(ended.ms).toBeLessThan(HARD_BOUND_MS)
}

export const expectAnswer = (ended: Ended, text: string): void =>
  expect([ended.status, ended.text]).toEqual([200, text])

let serial = 0

const callOf = async (server: TestServer, name: string, path: string, init: RequestInit): Promise<Ended> => {
  const headers = new Headers(init.headers)
  const id = headers.get("x-invocation-id") ?? `call-${(serial += 1)}`
  headers.set("x-invocation-id", id)
  const startedAt = performance.now()
  const response = await fetch(`${server.url}/functions/${name}${path}`, {
    ...init,
    headers,
    keepalive: false
  })
  const text = await response.text()
  const ms = performance.now() - startedAt
  const failed = response.headers.get("content-type")?.startsWith("application/problem+json") === true
  const problem = failed ? (JSON.parse(text) as Problem) : null
  return { id, status: response.status, text, headers: response.headers, problem, ms }
}

class RunningStage implements Stage {
  readonly server: TestServer
  readonly #records: Map<string, Readonly<Record<string, unknown>>>
  /** By function: the most workers that were seen, and how many there may be. */
  readonly #watched = new Map<
    string,
    { seen: number; most: number; over: boolean; watching: Promise<void> }
  >()
  readonly #open = new Set<Promise<unknown>>()

  constructor(server: TestServer, records: Map<string, Readonly<Record<string, unknown>>>) {
    this.server = server
    this.#records = records
  }

  readonly serve = async (
    bundle: string,
    settings: Readonly<Record<string, unknown>> = {},
    versions = 1
  ): Promise<string> => {
    const name = `scene-${(serial += 1)}`
    const view = await serve(this.server, name, bundle, settings)
    const watched = { seen: 0, most: view.max_workers * versions, over: false, watching: Promise.resolve() }
    watched.watching = this.#watch(name, watched)
    this.#watched.set(name, watched)
    return name
  }

  readonly call = async (name: string, path = "/", init: RequestInit = {}): Promise<Ended> => {
    const calling = callOf(this.server, name, path, init)
    this.#open.add(calling)
    try {
      const ended = await calling
      this.expectRecord(ended.id, recordOf(ended))
      return ended
    } finally {
      this.#open.delete(calling)
    }
  }

  readonly expectRecord = (id: string, fields: Readonly<Record<string, unknown>>): void => {
    expect(this.#records.has(id), `two outcomes of ${id}`).toBe(false)
    this.#records.set(id, fields)
  }

  readonly view = (name: string): Promise<FunctionView> => getFunction(this.server, name)

  readonly untilShown = (name: string, holds: (view: FunctionView) => boolean): Promise<FunctionView> =>
    until(() => this.view(name), holds)

  readonly workerOf = async (name: string, runtime: RuntimeName): Promise<number> => {
    if (runtime === "bun") return Number((await this.call(name, "/pid")).text)
    const [forkServer] = childrenOf(this.server.pid).filter((pid) => commandOf(pid).includes("--zygote"))
    const workers = childrenOf(forkServer as number)
    expect(workers).toHaveLength(1)
    return workers[0] as number
  }

  readonly logged = (): ReadonlyArray<LogLine> => logLines(this.server)

  readonly untilLogged = async (fields: LogLine, message = /^/): Promise<LogLine> => {
    const find = (): LogLine | undefined =>
      this.logged().find(
        (line) =>
          message.test(String(line["message"])) &&
          Object.entries(fields).every(([key, value]) => line[key] === value)
      )
    return (await until(async () => find(), Boolean)) as LogLine
  }

  /** Everything is answered, and the functions are deleted; there were never too many workers. */
  async end(): Promise<void> {
    expect(this.#open.size, "calls without an outcome").toBe(0)
    for (const [name, watched] of this.#watched) {
      const { workers } = await this.untilShown(
        name,
        (view) => view.workers.draining + view.workers.starting + view.workers.busy + view.queued === 0
      )
      expect(workers.warm + workers.idle).toBeLessThanOrEqual(watched.most)
      watched.over = true
      await watched.watching
      expect(watched.seen).toBeLessThanOrEqual(watched.most)
      await deleteFunction(this.server, name)
    }
  }

  /** After a failure: the next scene shall not fail for it too. */
  async abandon(): Promise<void> {
    for (const [name, watched] of this.#watched) {
      watched.over = true
      await deleteFunction(this.server, name).catch(() => {})
    }
  }

  async #watch(name: string, watched: { seen: number; readonly over: boolean }): Promise<void> {
    while (!watched.over) {
      try {
        const { busy, draining, idle, starting, warm } = (await this.view(name)).workers
        watched.seen = Math.max(watched.seen, busy + draining + idle + starting + warm)
      } catch {
        // A scene may kill its server, or have it out of descriptors.
      }
      await Bun.sleep(20)
    }
  }
}

/** What the record of a call has to say that was answered so. */
const recordOf = ({ problem, status }: Ended): Readonly<Record<string, unknown>> =>
  problem === null
    ? { outcome: "ok", status, ended_by: undefined, code: undefined }
    : {
        outcome: "error",
        code: problem.code,
        ended_by: problem.cause,
        exit_code: problem.exit_code,
        signal: problem.signal,
        limit_ms: problem.limit_ms
      }

const logLines = (server: TestServer): ReadonlyArray<LogLine> => {
  const folder = join(server.dataDir, "logs")
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1))
    .flatMap((line) => parsed(line, tearing.has(server)))
}

/** Servers whose disk is full at times: it may take a part of a line, which readers skip (GR-064). */
const tearing = new WeakSet<TestServer>()

const parsed = (line: string, mayBeTorn: boolean): ReadonlyArray<LogLine> => {
  try {
    return [JSON.parse(line) as LogLine]
  } catch (cause) {
    if (mayBeTorn) return []
    throw cause
  }
}

const recordsIn = (lines: ReadonlyArray<LogLine>, id: string): ReadonlyArray<LogLine> =>
  lines.filter((line) => line["type"] === "invocation" && line["invocation_id"] === id)

const missing = (
  lines: ReadonlyArray<LogLine>,
  records: ReadonlyMap<string, unknown>
): ReadonlyArray<string> => {
  const there = new Set(
    lines.filter(({ type }) => type === "invocation").map((line) => line["invocation_id"])
  )
  return [...records.keys()].filter((id) => !there.has(id))
}

const expectRecords = (
  lines: ReadonlyArray<LogLine>,
  records: ReadonlyMap<string, Readonly<Record<string, unknown>>>
): void => {
  for (const [id, fields] of records) {
    const found = recordsIn(lines, id)
    const told = found.map((record) =>
      Object.fromEntries(Object.keys(fields).map((key) => [key, record[key]]))
    )
    expect(told, `the records of ${id}`).toEqual([fields])
  }
}

/** What the server has once it is at rest: its spare process is there, and what was going is gone. */
const settledHoldings = async (server: TestServer, spares: number): Promise<ReadonlyArray<string>> => {
  let last: ReadonlyArray<string> = []
  return await until(
    async () => {
      const [there, held] = [await sparesOf(server), holdingsOf(server)]
      const isSettled = there === spares && beyond(held, last).length + beyond(last, held).length === 0
      last = held
      return { isSettled, held }
    },
    ({ isSettled }) => isSettled
  ).then(({ held }) => held)
}

const sparesOf = async (server: TestServer): Promise<number> => {
  const response = await fetch(`${server.url}/api/system`, { keepalive: false })
  return ((await response.json()) as SystemView).spare_workers["bun"] ?? 0
}

const expectHoldings = async (server: TestServer, before: ReadonlyArray<string>): Promise<void> => {
  const startedAt = performance.now()
  const more = await until(
    async () => beyond(holdingsOf(server), before),
    (found) => found.length === 0 || performance.now() - startedAt > HARD_BOUND_MS
  )
  expect(more, "what the server has beyond what it had before").toEqual([])
}
