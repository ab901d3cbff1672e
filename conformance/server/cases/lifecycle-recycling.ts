// What ends a worker that does well, what its cold start says, and what is counted (LC-065 to LC-070).
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import type { Fn } from "../Door.ts"
import { call, many, who } from "../guarantees/calls.ts"
import { type LogEntry, Logs } from "../guarantees/Logs.ts"
import { pause } from "../guarantees/timing.ts"

const { add, all: recyclingCases, each } = casesOf("lifecycle", ["http"])
export { recyclingCases }

each(
  "worker-invocations",
  "No worker gets more than max_worker_invocations, one after another and beside each other",
  ["LC-065"],
  {},
  async ({ server }, runtime) => {
    const settings = { runtime, max_worker_invocations: 3, max_workers: 2, concurrency: 2 }
    const fn = await server.fn(settings)
    const said = []
    for (let n = 0; n < 7; n += 1) said.push(await who(fn))
    said.push(...(await many(8, () => who(fn))))
    for (const { count } of said) holds("a worker had more than three", count <= 3, count)
    const workers = new Set(said.map(({ worker }) => worker)).size
    holds("15 calls had less than five workers", workers >= 5, workers)
    const free = await server.fn({ ...settings, max_worker_invocations: 0, max_workers: 1 })
    for (let count = 1; count <= 5; count += 1) check("without a bound", { count }, await who(free))
  }
)

each(
  "worker-age",
  "A worker that has been ready for max_worker_age_seconds is replaced, also one that is always at work",
  ["LC-066"],
  { timeoutMs: 60_000 },
  async ({ server }, runtime) => {
    const fn = await server.fn({ runtime, max_worker_age_seconds: 0.5, warm_workers: 1, max_workers: 2 })
    const marks = new Set<string>()
    // A successor waits its turn behind workers that somebody waits for, those of other cases included.
    await server.until(
      "a third worker answers",
      async () => (marks.add((await who(fn)).worker).size >= 3 ? true : null),
      45_000
    )
  }
)

add(
  "worker-age-in-turn",
  "Warm workers that are too old go one at a time, after their successors are ready",
  ["LC-067"],
  { timeoutMs: 30_000 },
  async ({ server }) => {
    const fn = await server.fn({ max_worker_age_seconds: 0.4, warm_workers: 2, max_workers: 3 })
    const ready = await fn.untilShown("two are warm", ({ workers }) => workers.warm + workers.idle === 2)
    const marks = [ready.workers]
    const end = performance.now() + 2_000
    while (performance.now() < end) {
      const { workers } = await fn.show()
      marks.push(workers)
      check("workers that are ready", { $gte: 2 }, workers.warm + workers.idle + workers.busy)
      await pause(10)
    }
    holds(
      "nothing was replaced",
      marks.some(({ draining, starting }) => draining + starting > 0)
    )
  }
)

const recordOf = (fn: Fn, path: string): Promise<LogEntry> =>
  call(fn, path).then(({ invocation }) => new Logs(fn).untilRecord(invocation))

const TIMES = {
  start_spare: { $oneOf: [true, false] },
  start_wait_ms: { $gte: 0 },
  start_spawn_ms: { $gte: 0 },
  start_load_ms: { $gte: 0 }
}

const checkStart = (what: string, cause: unknown, record: LogEntry): void => {
  check(what, { cold_start: true, start_cause: cause }, record, new Map(), ["LC-068"])
  check(`where ${what} spent its time`, TIMES, record, new Map(), ["LC-069"])
}

add(
  "start-causes",
  "The record of a cold start says why its worker was started, and where the time went; other records say neither",
  ["LC-068", "LC-069"],
  { traits: ["logs", "bun"], timeoutMs: 40_000 },
  async ({ server }) => {
    const fn = await server.fn({ runtime: "bun", max_workers: 2, timeout_seconds: 3 })
    checkStart("the first call after a deployment", "deploy", await recordOf(fn, "/"))
    const warm = await recordOf(fn, "/")
    check("the next one", { cold_start: false }, warm)
    holds("a worker that was there has a cause of its start", !("start_cause" in warm), warm)
    await recordOf(fn, "/do/exit")
    checkStart("the call after a crash", "after_crash", await recordOf(fn, "/"))
    await recordOf(fn, "/do/never")
    checkStart("the call after a time-out", "after_timeout", await recordOf(fn, "/"))
    const beside = recordOf(fn, "/do/sleep?ms=800")
    await fn.untilShown("one is at work", ({ workers }) => workers.busy === 1)
    checkStart("a call beside another", "scale_up", await recordOf(fn, "/"))
    await beside
  }
)

each(
  "start-causes-without-faults",
  "Also where workers are recycled, kept warm, or had all been idle",
  ["LC-068", "LC-069"],
  { traits: ["logs"], timeoutMs: 40_000 },
  async ({ server }, runtime) => {
    const twice = await server.fn({ runtime, max_workers: 1, max_worker_invocations: 2 })
    for (const cause of ["deploy", "recycle", "recycle"]) {
      checkStart("the first call of a worker", cause, await recordOf(twice, "/"))
      await recordOf(twice, "/")
    }
    // a worker that has one invocation in its life is not recycled: the next is started to be kept warm
    const kept = await server.fn({ runtime, isolation: "invocation", max_workers: 2, warm_workers: 1 })
    for (const cause of ["deploy", "warm"]) {
      await kept.untilShown("one is warm", ({ workers: { draining, warm } }) => warm === 1 && draining === 0)
      checkStart("the call of a worker that was kept warm", cause, await recordOf(kept, "/"))
    }
    const idle = await server.fn({ runtime, idle_timeout_seconds: 0.2 })
    await idle.untilShown("none is left", ({ workers }) => Object.values(workers).every((n) => n === 0))
    checkStart("the first call of a version without workers", "first", await recordOf(idle, "/"))
  }
)

each(
  "counts",
  "A function shows how many of its invocations went well, failed and began cold, by the causes",
  ["LC-070"],
  {},
  async ({ server }, runtime) => {
    const fn = await server.fn({ runtime, timeout_seconds: 1.5, max_workers: 1 })
    check("before", { ok: 0, failed: {}, cold_starts: {} }, (await fn.show())["invocations"])
    for (const path of ["/", "/", "/do/throw", "/do/nothing", "/do/throw", "/do/never"]) await call(fn, path)
    const counts = { ok: 2, failed: { handler: 2, invalid_response: 1, wall_time: 1 } }
    check("after", { ...counts, cold_starts: { deploy: 1 } }, (await fn.show())["invocations"])
  }
)
