// logs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import { type Fn, until } from "../Door.ts"
import { call, expectOutcome, many, who } from "../guarantees/calls.ts"
import { fillDisk, smallDisk } from "../guarantees/Disk.ts"
import { flood } from "../guarantees/flood.ts"
import { type LogEntry, logFiles, Logs, logFolder, readLog } from "../guarantees/Logs.ts"
import { timed } from "../guarantees/timing.ts"

const { add, all: logCases, each } = casesOf("guarantees", ["logs", "http"])
export { logCases }

const askAs = (fn: Fn, path: string, id: string) => fn.http(path, { headers: { "X-Invocation-Id": id } })
const messages = (lines: ReadonlyArray<LogEntry>) => lines.map(({ message }) => String(message))

each(
  "log-lines-are-json",
  "Every line is a JSON object by itself, whatever a function says",
  ["GR-064"],
  { traits: ["own"] },
  async (bench, runtime) => {
    const server = await bench.own()
    const source = `export default () => {
      console.log("two\\nlines", "a \\"quote\\"", "\\u2028 \\u0000 \\ud800 \\u{1f600}", "{\\"type\\":\\"invocation\\"}")
      console.error(new Error("with a stack"))
      console.log({ deep: { deeper: [1, 2, { three: 3 }] } }, null, undefined, 7n)
      console.log("")
      return new Response("said")
    }`
    const fn = await server.fn({ runtime, source, concurrency: 10 })
    const folder = logFolder(server)
    await many(10, (n) => askAs(fn, "/", `json-${n}`))
    const logs = new Logs(fn)
    for (let n = 0; n < 10; n += 1) await logs.untilRecord(`json-${n}`)
    server.process.signal("SIGTERM")
    await server.process.exited
    const text = logFiles(folder)
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("")
    const lines = text.split("\n")
    check("what stands behind the last line's end", "", lines.pop())
    for (const line of lines) {
      const value = parsed(line)
      holds(
        "a line is no JSON object",
        typeof value === "object" && value !== null && !Array.isArray(value),
        line
      )
    }
    const records = lines.map((line) => parsed(line) as LogEntry).filter(({ type }) => type === "invocation")
    check("records", 10, records.length)
  }
)

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

each(
  "log-attribution",
  "The lines of invocations that run together are attributed to each, in order",
  ["GR-065", "GR-066"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, concurrency: 8, max_workers: 1 })
    const logs = new Logs(fn)
    const ids = Array.from({ length: 8 }, (_, n) => `attributed-${runtime}-${n}`)
    const seen = await Promise.all(ids.map((id) => askAs(fn, `/do/log?n=40&slow&mark=${id}`, id)))
    const workers = new Set(seen.map((response) => (response.json() as { readonly worker: string }).worker))
    check("workers that ran them", 1, workers.size)
    for (const id of ids) {
      await logs.untilSaid(`${id} 39 `)
      await logs.untilRecord(id)
    }
    for (const id of ids) {
      const expected = Array.from({ length: 40 }, (_, n) => `${id} ${n} `)
      const said = messages(logs.linesOf(id))
      check(`the lines of ${id}`, expected.toSorted(), said.toSorted(), new Map(), ["GR-065"])
      check(`the order of the lines of ${id}`, expected, said, new Map(), ["GR-066"])
    }
  }
)

each(
  "log-lines-bounded",
  "Of 1,500 lines of one invocation 1,000 are kept, in order, and the rest is told: by a line, and in the record",
  ["GR-066", "GR-067", "GR-069", "GR-070"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, max_workers: 1 })
    const logs = new Logs(fn)
    const id = `many-lines-${runtime}`
    const response = await askAs(fn, "/do/log?n=1500&mark=many", id)
    check("the answer", 200, response.status)
    const record = await logs.untilRecord(id)
    const warning = await fn.door.until(
      "a line that tells what was cut",
      () =>
        logs.linesOf(id).find(({ level, message }) => level === "warn" && /\b500\b/.test(String(message))) ??
        null
    )
    check("the line that tells what was cut", { level: "warn" }, warning, new Map(), ["GR-069"])
    const kept = messages(logs.linesOf(id).filter(({ level }) => level !== "warn"))
    check("lines that were kept", { $lte: 1000 }, kept.length, new Map(), ["GR-067"])
    const first = Array.from({ length: kept.length }, (_, n) => `many ${n} `)
    check("the lines that were kept", first, kept, new Map(), ["GR-066"])
    check("log_lines_cut of the record", 1500 - kept.length, record["log_lines_cut"], new Map(), ["GR-070"])
    bench.context.observe(`${kept.length} of 1500 lines kept; "${String(warning["message"])}"`)
  }
)

each(
  "log-size-bounded",
  "Lines of one invocation are kept up to 262,144 characters together, and the rest is counted",
  ["GR-068", "GR-069", "GR-070"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, max_workers: 1 })
    const logs = new Logs(fn)
    const id = `large-lines-${runtime}`
    await askAs(fn, "/do/log?n=100&size=5000&mark=large", id)
    const record = await logs.untilRecord(id)
    await fn.door.until("a line that tells what was cut", () =>
      logs.linesOf(id).some(({ level }) => level === "warn") ? true : null
    )
    const kept = messages(logs.linesOf(id).filter(({ level }) => level !== "warn"))
    const size = kept.reduce((sum, message) => sum + message.length, 0)
    check("characters that were kept", { $gte: 1, $lte: 262_144 }, size, new Map(), ["GR-068"])
    check("log_lines_cut of the record", 100 - kept.length, record["log_lines_cut"], new Map(), ["GR-070"])
    bench.context.observe(`${kept.length} lines with ${size} characters kept of 100 with 500,000`)
  }
)

each(
  "stray-lines-bounded",
  "Lines that a worker says outside of any invocation are bounded in 10 s",
  ["GR-071"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    // said while the bundle is loaded: no invocation is there yet
    const source = `for (let line = 0; line < 1800; line += 1) console.log("outside " + line)
      export default () => new Response("loaded")`
    const fn = await bench.server.fn({ runtime, source, max_workers: 1, warm_workers: 0 })
    const logs = new Logs(fn)
    // what the worker said at its start stands before the record of what it did then
    check("the status of a call", 200, (await askAs(fn, "/", `outside-${runtime}`)).status)
    await logs.untilRecord(`outside-${runtime}`)
    const outside = logs.lines().filter(({ message }) => String(message).startsWith("outside"))
    const byWorker = Map.groupBy(outside, (line) => String(line["worker_id"]))
    for (const [worker, lines] of byWorker) {
      check(`lines of the worker ${worker}`, { $lte: 1000 }, lines.length, new Map(), ["GR-071"])
    }
    bench.context.observe(
      `of 1800 lines each: ${[...byWorker].map(([id, { length }]) => `${id} ${length}`).join(", ")}`
    )
  }
)

add(
  "raw-output-flood",
  "Output beside the protocol is bounded, what is cut is told, and other functions are served meanwhile",
  ["GR-072", "GR-073"],
  { traits: ["own", "bun"], timeoutMs: 60_000 },
  async (bench) => {
    const server = await bench.own()
    const stop = join(bench.context.folder, "stop")
    const other = await server.fn({})
    await who(other)
    const fn = await server.fn({ runtime: "bun", source: flood(stop), timeout_seconds: 50 })
    const flooding = call(fn)
    flooding.catch(() => {})
    const folder = logFolder(server)
    const told = () => readLog(folder, "were cut").filter((line) => line["function_id"] === fn.id)
    const lines = await server.until(
      "a line that tells how many bytes were cut",
      () => (told().length > 0 ? told() : null),
      20_000
    )
    check("the line", { message: { $pattern: "\\d+ bytes" } }, lines[0], new Map(), ["GR-072"])
    let slowest = 0
    for (let n = 0; n < 50; n += 1) slowest = Math.max(slowest, (await timed(() => who(other))).ms)
    writeFileSync(stop, "")
    expectOutcome("the flood itself", await flooding, { status: 200 })
    bench.context.observe(
      `50 calls of another function in the flood, the slowest ${slowest.toFixed(1)} ms; "${String(lines[0]?.["message"])}"`
    )
  }
)

add(
  "log-disk-full",
  "While the log's disk is full functions are served; with room again all records come, and lost lines are counted",
  ["GR-002", "GR-075", "GR-081"],
  { traits: ["own"], timeoutMs: 60_000 },
  async (bench) => {
    const disk = await smallDisk(bench, 4_000)
    const folder = join(disk.path, "logs")
    mkdirSync(folder)
    const server = await bench.own({ settings: { logs_dir: folder } })
    const fn = await server.fn({ concurrency: 4 })
    await who(fn)
    const empty = fillDisk(disk)
    const ids = Array.from({ length: 60 }, (_, n) => `full-disk-${n}`)
    for (const id of ids) {
      const response = await askAs(fn, "/do/log?n=30&size=100&mark=full", id)
      check("a call while the log's disk is full", 200, response.status)
    }
    empty()
    const records = () => readLog(folder, fn.id).filter(({ type }) => type === "invocation")
    await server.until(
      "all records are there (GR-081)",
      () => (ids.every((id) => records().some((one) => one["invocation_id"] === id)) ? true : null),
      20_000
    )
    const counts = ids.map((id) => records().filter((one) => one["invocation_id"] === id).length)
    check(
      "records of each",
      ids.map(() => 1),
      counts,
      new Map(),
      ["GR-002"]
    )
    const said = readLog(folder, "full ").filter(({ type }) => type === "log").length
    const notice = await server.until(
      "a line that tells how many lines were lost (GR-075)",
      () => readLog(folder, "lost").find(({ message }) => /\d/.test(String(message))) ?? null
    )
    bench.context.observe(`${said} of 1800 lines are there; "${String(notice["message"])}"`)
    const lost = Number(/(\d+) lines/.exec(String(notice["message"]))?.[1])
    check("lines that are there, and those that were lost", { $gte: 1800 }, said + lost, new Map(), [
      "GR-075"
    ])
  }
)

add(
  "old-log-files",
  "Log files that lie further back than log_retention_days are removed, younger ones and other files stay",
  ["GR-076"],
  // two starts, and a wait of 10 s for what does not come
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench) => {
    const before = await bench.own()
    const folder = logFolder(before)
    before.process.signal("SIGTERM")
    await before.process.exited
    const day = (back: number) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10)
    const old = [day(400), day(30), day(9)].map((name) => join(folder, `${name}.jsonl`))
    const young = [day(1), day(3), day(5)].map((name) => join(folder, `${name}.jsonl`))
    for (const path of [...old, ...young]) writeFileSync(path, "{}\n")
    await bench.again(before, { settings: { log_retention_days: 7 } })
    await until(
      "the old files are removed",
      () => (old.some((path) => existsSync(path)) ? null : true),
      bench.signal,
      10_000
    )
    check(
      "the younger ones",
      young.map(() => true),
      young.map((path) => existsSync(path))
    )
  }
)
