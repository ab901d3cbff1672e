// bounds of workers, admission.
import { appendFileSync, existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Bench } from "../Bench.ts"
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import type { Door, Fn, FunctionView } from "../Door.ts"
import { call, expectOutcome, later, many, outcomeOf, type Who, who } from "../guarantees/calls.ts"
import { judge, pause, timed, withLateness } from "../guarantees/timing.ts"
import { livingChildren, WITHOUT_SPARE_WORKERS } from "../guarantees/workers.ts"

const { add, all: boundCases, each } = casesOf("guarantees")
export { boundCases }

const alive = ({ workers }: FunctionView): number =>
  workers.starting + workers.warm + workers.busy + workers.idle

/** Looks again and again, from before `work` begins until it is done; gives the greatest that was seen. */
const greatest = async <A>(
  look: () => Promise<number>,
  work: () => Promise<A>
): Promise<{ readonly value: A; readonly most: number; readonly looks: number }> => {
  let most = 0
  let looks = 0
  let over = false
  const watching = (async () => {
    do {
      most = Math.max(most, await look())
      looks += 1
      await pause(5)
    } while (!over)
  })()
  try {
    const value = await work()
    return { value, most, looks }
  } finally {
    over = true
    await watching
  }
}

const marks = (all: ReadonlyArray<Who>): number => new Set(all.map(({ worker }) => worker)).size

each(
  "max-workers",
  "However many call at once, a function has no more workers than max_workers",
  ["GR-028"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, max_workers: 2, concurrency: 1 })
    const { looks, most, value } = await greatest(
      async () => alive(await fn.show()),
      () => many(12, () => who(fn, "/do/sleep?ms=100"))
    )
    bench.context.observe(`at most ${most} workers of 2 in ${looks} looks, ${marks(value)} answered`)
    check("workers alive at once", { $lte: 2 }, most)
    check("workers that answered", 2, marks(value))
  }
)

each(
  "max-workers-total",
  "However many functions are called at once, no more worker processes live than max_workers_total",
  ["GR-029"],
  { traits: ["own"], timeoutMs: 60_000 },
  async (bench, runtime) => {
    const settings = { max_workers_total: 3, max_workers: 3, ...WITHOUT_SPARE_WORKERS }
    const server = await bench.own({ settings })
    const first = await server.fn({ runtime, max_workers: 3 })
    await who(first)
    // what a runtime has beside its workers is there, and one worker
    const besides = livingChildren(server).length - 1
    const more = await Promise.all([1, 2, 3].map(() => server.fn({ runtime, max_workers: 3 })))
    const fns = [first, ...more]
    const { looks, most, value } = await greatest(
      () => Promise.resolve(livingChildren(server).length - besides),
      () => Promise.all(fns.flatMap((fn) => [0, 1, 2].map(() => who(fn, "/do/sleep?ms=60"))))
    )
    bench.context.observe(
      `at most ${most} processes of 3 in ${looks} looks, for ${value.length} calls of 4 functions`
    )
    check("worker processes alive at once", { $gte: 1, $lte: 3 }, most)
  }
)

add(
  "max-concurrent-starts",
  "No more workers start at the same time than max_concurrent_starts",
  ["GR-030"],
  { traits: ["own", "bun"], timeoutMs: 60_000 },
  async (bench) => {
    const door = await bench.special({ max_concurrent_starts: 2 })
    const path = join(bench.context.folder, "starts")
    const source = `import { appendFileSync } from "node:fs"
      appendFileSync(${JSON.stringify(path)}, "+")
      await new Promise((resolve) => setTimeout(resolve, 250))
      appendFileSync(${JSON.stringify(path)}, "-")
      const worker = crypto.randomUUID()
      export default async () => {
        await new Promise((resolve) => setTimeout(resolve, 600))
        return Response.json({ worker, count: 0, pid: process.pid })
      }`
    const fns = await Promise.all([0, 1].map(() => door.fn({ runtime: "bun", source, max_workers: 4 })))
    const value = await Promise.all(fns.map((fn) => many(4, () => who(fn, "/"))))
    let now = 0
    let overlap = 0
    for (const mark of readFileSync(path, "utf8")) {
      now += mark === "+" ? 1 : -1
      overlap = Math.max(overlap, now)
    }
    bench.context.observe(`at most ${overlap} bundles loaded at once, of 2; ${marks(value.flat())} workers`)
    check("workers that load their bundle at once", { $lte: 2 }, overlap)
  }
)

each(
  "starts-are-shared",
  "Invocations that wait share starts, by concurrency",
  ["GR-031"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, concurrency: 10, max_workers: 8, idle_timeout_seconds: 1 })
    const none = ({ workers }: FunctionView) => Object.values(workers).every((count) => count === 0)
    await fn.untilShown("the first worker's end", none, 15_000)
    const { most, value } = await greatest(
      async () => alive(await fn.show()),
      () => many(10, () => who(fn, "/do/sleep?ms=50"))
    )
    check("workers for ten invocations at once, with concurrency 10", 1, Math.max(most, marks(value)))
    await fn.untilShown("that worker's end", none, 15_000)
    const more = await greatest(
      async () => alive(await fn.show()),
      () => many(25, () => who(fn, "/do/sleep?ms=200"))
    )
    check("workers for 25 invocations", { $lte: 3 }, Math.max(more.most, marks(more.value)))
  }
)

each(
  "max-concurrent-executions",
  "No more invocations of a function run at once than max_concurrent_executions",
  ["GR-032"],
  {},
  async (bench, runtime) => {
    const source = `export default async () => {
      const from = Date.now()
      await new Promise((resolve) => setTimeout(resolve, 60))
      return Response.json([from, Date.now()])
    }`
    const fn = await bench.server.fn({
      runtime,
      source,
      max_concurrent_executions: 3,
      concurrency: 4,
      max_workers: 3
    })
    const spans = await many(15, async () => {
      const outcome = await call(fn)
      expectOutcome("a call", outcome, { status: 200 })
      return JSON.parse(outcome.text) as readonly [number, number]
    })
    const running = spans.map(([at]) => spans.filter(([from, to]) => from <= at && at < to).length)
    check("invocations that ran at once", { $lte: 3 }, Math.max(...running))
  }
)

const queueDoor = (bench: Bench): Promise<Door> =>
  bench.special({ max_queue_length: 3, max_queue_wait_seconds: 1, max_workers: 2 })

/** A function with one worker, which is busy for so long. */
const busyFor = async (
  door: Door,
  ms: number,
  settings: object = {}
): Promise<{ fn: Fn; busy: Promise<unknown> }> => {
  const fn = await door.fn({ max_workers: 1, concurrency: 1, timeout_seconds: 20, ...settings })
  await who(fn)
  const busy = who(fn, `/do/sleep?ms=${ms}`)
  busy.catch(() => {})
  await fn.untilShown("it is busy", ({ workers }) => workers.busy === 1)
  return { fn, busy }
}

each(
  "full-queue",
  "A full queue refuses with FN_007 and when to come back, at once; others are served, and it takes again",
  ["GR-033", "GR-035", "GR-037", "GR-038"],
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const door = await queueDoor(bench)
    const other = await door.fn({ runtime })
    await who(other)
    const { busy, fn } = await busyFor(door, 900, { runtime })
    const waiting = many(3, () => call(fn))
    await fn.untilShown("three wait", ({ queued }) => queued === 3)
    const { lateMs, value: refused } = await withLateness(() => many(5, () => timed(() => call(fn))))
    const { queued } = await fn.show()
    for (const { value } of refused) {
      expectOutcome("a call that finds three waiting", value, { code: "FN_007", retryable: true }, "GR-033")
      check("Retry-After", { $pattern: "^([1-9]|[1-5][0-9]|60)$" }, value.retryAfter, new Map(), ["GR-035"])
    }
    judge(
      bench,
      { what: "FN_007 of a full queue", afterMs: 0, withinMs: 50, late: "GR-033" },
      refused.map(({ ms }) => ms),
      lateMs
    )
    await who(other)
    bench.context.observe(`another function was served while ${queued} waited`)
    await busy
    // each of those three ran, or had waited for the second that the queue allows
    for (const outcome of await waiting) {
      check("what waited", { $oneOf: [null, "FN_007"] }, outcome.code)
    }
    expectOutcome("a call after the queue was full", await call(fn), { status: 200 }, "GR-038")
  }
)

each(
  "queue-time",
  "Who has waited for max_queue_wait_seconds gets FN_007",
  ["GR-034", "GR-035"],
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const door = await queueDoor(bench)
    const { busy, fn } = await busyFor(door, 3500, { runtime })
    const { lateMs, value } = await withLateness(() => many(3, () => timed(() => call(fn))))
    for (const { value: outcome } of value) {
      expectOutcome("a call that waited for a second", outcome, { code: "FN_007" }, "GR-034")
      check("Retry-After", { $pattern: "^([1-9]|[1-5][0-9]|60)$" }, outcome.retryAfter, new Map(), ["GR-035"])
    }
    const took = value.map(({ ms }) => ms)
    judge(
      bench,
      { what: "FN_007 of the queue's time", afterMs: 1000, withinMs: 250, late: "GR-034" },
      took,
      lateMs
    )
    await busy
  }
)

each(
  "first-in-first-out",
  "Those that wait are served in the order in which they came",
  ["GR-036"],
  { traits: ["socket"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const { busy, fn } = await busyFor(bench.server, 400, { runtime })
    const client = bench.keep(await bench.server.connect())
    const ids = Array.from({ length: 12 }, () =>
      client.post("INVOKE", { function_id: fn.name, url: "/do/who" })
    )
    const counts: Array<number> = []
    for (const id of ids) {
      const { payload, problem } = await client.answer(id)
      const outcome = outcomeOf(payload, problem)
      expectOutcome("a call that waited", outcome, { status: 200 })
      counts.push((JSON.parse(outcome.text) as Who).count)
    }
    check(
      "the order in which they ran",
      counts.toSorted((a, b) => a - b),
      counts
    )
    await busy
  }
)

add(
  "buffered-bytes",
  "A body that does not fit beside those under way is FN_007; who brings none is served meanwhile",
  ["GR-035", "GR-039", "GR-040"],
  { traits: ["own", "http", "bun"], timeoutMs: 40_000 },
  async (bench) => {
    const server = await bench.own({
      settings: {
        max_request_bytes: 4_000_000,
        max_bundle_bytes: 1_000_000,
        max_buffered_bytes: 16_777_216,
        max_workers: 3
      }
    })
    const path = join(bench.context.folder, "go")
    const fn = await server.fn({ runtime: "bun", concurrency: 20, max_workers: 1, timeout_seconds: 20 })
    await who(fn)
    const target = `/do/file?path=${encodeURIComponent(path)}`
    const body = Buffer.alloc(3_000_000, "x")
    const held: Array<Promise<number>> = []
    let refusal = null
    // how much of the budget a body takes is the server's: one after another until one does not fit
    for (let n = 0; refusal === null && n < 12; n += 1) {
      const before = await who(fn)
      const answered = later(fn.http(target, { method: "POST", body }))
      held.push(later(answered.then(({ status }) => status)))
      const running = server.until("it runs or is refused", async () =>
        (await who(fn)).count > before.count + 1 ? "runs" : null
      )
      running.catch(() => {})
      const first = await Promise.race([answered, running])
      if (typeof first !== "string") refusal = first
    }
    holds("no body was refused, although 12 of 3 MB are under way", refusal !== null)
    check("the refusal's code", "FN_007", refusal?.header("x-function-error"), new Map(), ["GR-039"])
    check("Retry-After", { $pattern: "^([1-9]|[1-5][0-9]|60)$" }, refusal?.header("retry-after"), new Map(), [
      "GR-035"
    ])
    expectOutcome("a call without a body", await call(fn), { status: 200 }, "GR-040")
    bench.context.observe(`${held.length - 1} bodies of 3 MB were under way in 16 MiB`)
    holds("the hold had ended before", !existsSync(path))
    appendFileSync(path, "")
    for (const status of await Promise.all(held.slice(0, -1))) check("a body under way", 200, status)
    const again = await fn.http("/", { method: "POST", body })
    check("the same body later", 200, again.status, new Map(), ["GR-039"])
  }
)
