// one outcome, one record.
import { CaseFailure } from "../../model/Case.ts"
import type { Bench } from "../Bench.ts"
import { check, holds } from "../check.ts"
import { encodeRequest } from "../client/HttpClient.ts"
import { casesOf } from "../define.ts"
import type { Door, Fn } from "../Door.ts"
import { many, outcomeOf } from "../guarantees/calls.ts"
import { Logs, logFolder, readLog } from "../guarantees/Logs.ts"
import { judge, pause, withLateness } from "../guarantees/timing.ts"

const { all: outcomeCases, each } = casesOf("guarantees")
export { outcomeCases }

/** Every kind of end that a handler can come to, all at once; the two that take long are ended by their deadline. */
const ENDS: ReadonlyArray<readonly [path: string, deadlineMs: number | null]> = [
  ["/", null],
  ["/do/sleep?ms=30", null],
  ["/do/throw", null],
  ["/do/nothing", null],
  ["/do/never", 150],
  ["/do/spin?ms=3000", 250],
  ["/do/bytes?n=70000", null]
]

const fnOf = (door: Door, runtime: string, settings: object = {}): Promise<Fn> =>
  door.fn({ runtime, timeout_seconds: 5, concurrency: 4, max_workers: 3, ...settings })

each(
  "one-answer-socket",
  "Each of many requests of all kinds is answered once on one connection of the socket",
  ["GR-001"],
  { traits: ["socket"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await fnOf(bench.server, runtime)
    const client = bench.keep(await bench.server.connect())
    const ids = Array.from({ length: 6 }, () => ENDS).flatMap((ends) =>
      ends.map(([url, deadline]) =>
        client.post("INVOKE", {
          function_id: fn.name,
          url,
          ...(deadline === null ? {} : { deadline_ms: deadline })
        })
      )
    )
    ids.push(client.post("INVOKE", { function_id: "there-is-no-such-function" }))
    ids.push(client.post("INVOKE", { function_id: fn.name, method: 7 }))
    for (const id of ids) await client.answer(id)
    // what a worker still says of invocations that were given up would come now
    await fn.untilShown("the late workers' end", ({ workers }) => workers.busy + workers.draining === 0)
    await client.call("PING")
    check(
      "answers beyond one for each request",
      [],
      client.pending.map(({ id }) => String(id))
    )
  }
)

each(
  "one-answer-http",
  "Each request on one HTTP connection is answered once",
  ["GR-001"],
  { traits: ["http"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await fnOf(bench.server, runtime, { timeout_seconds: 1 })
    const connection = await bench.server.tcp()
    bench.after(() => connection.destroy())
    const paths = ["/", "/do/throw", "/do/never", "/do/nothing", "/do/sleep?ms=30", "/"]
    for (const [n, path] of paths.entries()) {
      const id = `one-${runtime}-${n}`
      const request = { target: fn.target(path), headers: { "X-Invocation-Id": id } }
      await connection.send(encodeRequest(request, bench.server.url.host))
      const response = await connection.response()
      holds("the request was not answered", response !== null)
      check(`the id of the answer to request ${n}`, id, response?.header("x-invocation-id"))
    }
    await fn.untilShown("the late worker's end", ({ workers }) => workers.busy + workers.draining === 0)
    await connection.send(encodeRequest({ target: "/health" }, bench.server.url.host))
    const last = await connection.response()
    check("the answer to GET /health after them", undefined, last?.header("x-invocation-id"))
  }
)

/** Asks for everything that can become of an invocation; gives what the client was told, by the invocation's id. */
const playAll = async (bench: Bench, fn: Fn, prefix: string) => {
  const client = bench.keep(await fn.door.connect())
  const told = new Map<string, { status: number; code: string | null }>()
  const asked = Array.from({ length: 3 }, () => ENDS)
    .flat()
    .map(([url, deadline], n) => {
      const id = `${prefix}-${n}`
      return { id, frame: client.post("INVOKE", invoke(fn, url, id, deadline)) }
    })
  for (const { frame, id } of asked) {
    const { payload, problem } = await client.answer(frame)
    const { code, status } = outcomeOf(payload, problem)
    told.set(id, { status, code })
  }
  return told
}

const invoke = (fn: Fn, url: string, id: string, deadline: number | null) => ({
  function_id: fn.name,
  url,
  headers: { "x-invocation-id": id },
  ...(deadline === null ? {} : { deadline_ms: deadline })
})

each(
  "one-record",
  "After an orderly end there is one record of each invocation, with what its client was told",
  ["GR-002", "GR-003", "GR-056"],
  { traits: ["own", "logs", "socket"], timeoutMs: 60_000 },
  async (bench, runtime) => {
    const server = await bench.own()
    const folder = logFolder(server)
    const fn = await fnOf(server, runtime, { max_workers: 2 })
    const told = await playAll(bench, fn, "told")
    const leaving = await server.connect()
    const gone = ["gone-0", "gone-1", "gone-2"]
    for (const id of gone) leaving.post("INVOKE", invoke(fn, `/do/hold?mark=${id}`, id, null))
    const logs = new Logs(fn)
    for (const id of gone) await logs.untilSaid(`holding ${id}`)
    leaving.destroy()
    // those that are refused before they are taken on leave none
    const client = bench.keep(await server.connect())
    await client.call("INVOKE", {
      function_id: fn.name,
      headers: { "x-invocation-id": "bad-body" },
      body: "?"
    })
    await fn.untilShown("the end of all", ({ workers }) => workers.busy + workers.draining === 0)
    server.process.signal("SIGTERM")
    await server.process.exited

    const records = readLog(folder, fn.id).filter(({ type }) => type === "invocation")
    const counted = Map.groupBy(records, (record) => String(record["invocation_id"]))
    const ids = [...told.keys(), ...gone]
    const counts = Object.fromEntries(ids.map((id) => [id, counted.get(id)?.length ?? 0]))
    check("records by invocation", Object.fromEntries(ids.map((id) => [id, 1])), counts, new Map(), [
      "GR-002"
    ])
    check("a record of what was not taken on", undefined, counted.get("bad-body"), new Map(), ["GR-002"])
    for (const id of gone) {
      check(`the record of ${id}`, { outcome: "cancelled" }, counted.get(id)?.[0], new Map(), ["GR-056"])
    }
    for (const [id, { code, status }] of told) {
      const expected = code === null ? { outcome: "ok", status } : { outcome: "error", code }
      check(`the record of ${id}`, expected, counted.get(id)?.[0], new Map(), ["GR-003"])
    }
  }
)

each(
  "record-comes-soon",
  "A record is there one second after its outcome",
  ["GR-080"],
  { traits: ["logs"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await fnOf(bench.server, runtime)
    const logs = new Logs(fn)
    const { lateMs, value: took } = await withLateness(() =>
      many(5, async (n) => {
        await pause(n * 130)
        const id = `soon-${runtime}-${n}`
        if (bench.server.address.url === null) await fn.invoke({ headers: { "x-invocation-id": id } })
        else await fn.http("/", { headers: { "X-Invocation-Id": id } })
        const answered = performance.now()
        await logs.untilRecord(id)
        return performance.now() - answered
      })
    )
    judge(bench, { what: "the record", afterMs: 0, withinMs: 1000, late: "GR-080" }, took, lateMs)
  }
)

each(
  "record-fields",
  "A record and a log line have the fields of their kind, in the file of their day",
  ["GR-077", "GR-078", "GR-079"],
  { traits: ["logs", "http"] },
  async (bench, runtime) => {
    const fn = await fnOf(bench.server, runtime)
    const logs = new Logs(fn)
    const id = `fields-${runtime}`
    await fn.http("/do/log?n=1&mark=fields", { headers: { "X-Invocation-Id": id } })
    const record = await logs.untilRecord(id)
    const text = { $any: "string" }
    const number = { $any: "number" }
    check(
      "the record",
      {
        time: { $pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$" },
        type: "invocation",
        invocation_id: id,
        function_id: fn.id,
        function: fn.name,
        version: "v1",
        outcome: "ok",
        cold_start: { $any: "boolean" },
        queue_ms: number,
        execution_ms: number
      },
      record,
      new Map(),
      ["GR-078"]
    )
    const line = await logs.untilSaid("fields 0 ")
    check("the log line", { time: text, type: "log", level: text, message: text }, line, new Map(), [
      "GR-079"
    ])
    const folder = logFolder(bench.server)
    const day = String(record["time"]).slice(0, 10)
    const { readFileSync } = await import("node:fs")
    const inItsDay = readFileSync(`${folder}/${day}.jsonl`, "utf8").includes(`"${id}"`)
    if (!inItsDay) {
      throw new CaseFailure("the record is not in its day's file", {
        expected: `${day}.jsonl`,
        requirements: ["GR-077"]
      })
    }
  }
)
