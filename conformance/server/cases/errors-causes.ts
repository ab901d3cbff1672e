// Which limit or fault ended an invocation, for its caller and in its record (ER-050 to ER-052).
import { check, problemOf } from "../check.ts"
import { casesOf } from "../define.ts"
import type { Door, Fn } from "../Door.ts"
import { later } from "../guarantees/calls.ts"
import { Logs } from "../guarantees/Logs.ts"

const { add, all: causeCases, each } = casesOf("errors", ["http"])
export { causeCases }

interface Ended {
  readonly path: string
  readonly cause: string
  readonly details?: Readonly<Record<string, unknown>>
}

const LIMIT_MS = 1_500

const EVERYWHERE: ReadonlyArray<Ended> = [
  { path: "/do/throw", cause: "handler" },
  { path: "/do/nothing", cause: "invalid_response" },
  { path: "/do/never", cause: "wall_time", details: { limit_ms: LIMIT_MS, phase: "run" } }
]

const ON_BUN: ReadonlyArray<Ended> = [
  { path: "/do/exit", cause: "exit", details: { exit_code: 3 } },
  { path: "/do/kill", cause: "signal", details: { signal: "SIGKILL" } },
  { path: "/do/memory", cause: "memory", details: { limit_mb: 64 } }
]

const endsOn = (runtime: string): ReadonlyArray<Ended> => [
  ...EVERYWHERE,
  ...(runtime === "bun" ? ON_BUN : [])
]

const fnOf = (door: Door, runtime: string, timeoutSeconds = LIMIT_MS / 1000): Promise<Fn> =>
  door.fn({ runtime, max_workers: 1, memory_mb: 64, timeout_seconds: timeoutSeconds })

/** What a problem says of the end. */
const failed = async (fn: Fn, path: string): Promise<Readonly<Record<string, unknown>>> =>
  problemOf(await later(fn.http(path)))

each(
  "causes",
  "The problem of an invocation names what ended it, and says what is known of that",
  ["ER-050", "ER-051"],
  { timeoutMs: 30_000 },
  async ({ server }, runtime) => {
    const fn = await fnOf(server, runtime)
    // what ends a worker has the next one wait for another, and that may take long
    const patient = await fnOf(server, runtime, 20)
    for (const { cause, details = {}, path } of endsOn(runtime)) {
      const problem = await failed(cause === "wall_time" ? fn : patient, path)
      check(`the cause of ${path}`, { cause }, problem, new Map(), ["ER-050"])
      check(`what is said of ${path}`, details, problem, new Map(), ["ER-051"])
    }
  }
)

each(
  "cause-in-the-queue",
  "A deadline that passes in the queue is told from one that passes while it runs",
  ["ER-051"],
  {},
  async ({ server }, runtime) => {
    const fn = await fnOf(server, runtime)
    const runs = later(failed(fn, "/do/never"))
    await fn.untilShown("one runs", ({ workers }) => workers.busy === 1)
    const waits = await failed(fn, "/")
    check("the one that waited", { cause: "wall_time", phase: "queue", limit_ms: LIMIT_MS }, waits)
    check("the one that ran", { cause: "wall_time", phase: "run", limit_ms: LIMIT_MS }, await runs)
  }
)

add(
  "ended-by",
  "The record of an invocation that failed says the same as its problem",
  ["ER-052"],
  { traits: ["logs", "bun"], timeoutMs: 30_000 },
  async ({ server }) => {
    const fn = await fnOf(server, "bun")
    const logs = new Logs(fn)
    for (const { path } of [...EVERYWHERE, ...ON_BUN.slice(0, 2)]) {
      const problem = await failed(fn, path)
      const record = await logs.untilRecord(String(problem["invocation_id"]))
      const { cause, exit_code, limit_ms, phase, signal } = problem
      const known = Object.entries({ ended_by: cause, exit_code, limit_ms, phase, signal })
      const said = Object.fromEntries(known.filter(([, value]) => value !== undefined))
      check(`the record of ${path}`, said, record)
    }
  }
)
