// deadlines.
import { CaseFailure } from "../../model/Case.ts"
import type { Bench } from "../Bench.ts"
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import { type Fn, until } from "../Door.ts"
import { call, expectOutcome, many, type Outcome, who } from "../guarantees/calls.ts"
import { functionWithWorker, WITHOUT_SPARE_WORKERS } from "../guarantees/workers.ts"
import { judge, timed, withLateness } from "../guarantees/timing.ts"
import { isAlive, processOf } from "../target/processTable.ts"

const { all: deadlineCases, each } = casesOf("guarantees")
export { deadlineCases }

const BUDGET_MS = 1000
const missed = (what: string) => ({
  what,
  afterMs: BUDGET_MS,
  withinMs: 100,
  early: "GR-012"
})

/** Calls that miss their deadline, all at once; judged when they are answered. */
const measure = async (
  bench: Bench,
  what: string,
  late: string,
  one: (n: number) => Promise<Outcome>,
  count = 5
): Promise<void> => {
  const { lateMs, value } = await withLateness(() => many(count, (n) => timed(() => one(n))))
  for (const { value: outcome } of value) expectOutcome(what, outcome, { status: 504, code: "FN_002" }, late)
  judge(
    bench,
    { ...missed(what), late },
    value.map(({ ms }) => ms),
    lateMs
  )
}

each(
  "deadline",
  "Calls that never end get FN_002 at their deadline, not before; the worker is killed, the next call has another",
  ["GR-012", "GR-013", "GR-016", "GR-017", "GR-018"],
  { timeoutMs: 60_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, timeout_seconds: 1, concurrency: 5, max_workers: 1 })
    const before = await who(fn)
    await measure(bench, "FN_002 of a call that waits for ever", "GR-013", () => call(fn, "/do/never"))
    await expectGone(fn, before)
    holds("a worker that missed a deadline was used again", (await who(fn)).worker !== before.worker)
  }
)

each(
  "deadline-of-caller",
  "A tighter deadline of the caller's is kept to the same bound",
  ["GR-012", "GR-013"],
  { traits: ["socket"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, timeout_seconds: 30, concurrency: 5, max_workers: 1 })
    await who(fn)
    await measure(bench, "FN_002 at deadline_ms", "GR-013", () => call(fn, "/do/never", BUDGET_MS))
  }
)

each(
  "deadline-of-a-loop",
  "A handler in an endless loop does not hold its deadline up, nor that of others in its worker",
  ["GR-013", "GR-014", "GR-017", "GR-018"],
  { timeoutMs: 60_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, timeout_seconds: 1, concurrency: 3, max_workers: 1 })
    const before = await who(fn)
    await measure(bench, "FN_002 of a loop", "GR-014", () => call(fn, "/do/spin"), 3)
    await expectGone(fn, before)
    holds("a worker that missed a deadline was used again", (await who(fn)).worker !== before.worker)
  }
)

/** A late worker is gone once its grace is over: the function has no worker left, and its process is no more. */
const expectGone = async (fn: Fn, { pid }: { readonly pid: number | null }): Promise<void> => {
  try {
    await fn.untilShown("the late worker's end", ({ workers }) => workers.busy + workers.draining === 0)
    const process = pid === null || fn.door.address.pid() === null ? null : processOf(pid)
    if (process !== null) {
      const ended = () => (isAlive(process) ? null : true)
      await until("the late worker's process is gone", ended, fn.door.context.signal, 5_000)
    }
  } catch (error) {
    if (!(error instanceof CaseFailure)) throw error
    throw new CaseFailure(error.message, { requirements: ["GR-017"] })
  }
}

each(
  "deadline-of-a-stopped-process",
  "A worker that was stopped by SIGSTOP does not hold the deadline up, is killed, and replaced",
  ["GR-013", "GR-015", "GR-017", "GR-018"],
  { traits: ["own"], timeoutMs: 60_000 },
  async (bench, runtime) => {
    const server = await bench.own({ settings: WITHOUT_SPARE_WORKERS })
    const spec = { runtime, timeout_seconds: 1, concurrency: 4, max_workers: 1 }
    const { fn, processes, said: before } = await functionWithWorker(server, spec)
    for (const { pid } of processes) process.kill(pid, "SIGSTOP")
    await measure(bench, "FN_002 of a stopped worker", "GR-015", () => call(fn), 4)
    const gone = () => (processes.some(isAlive) ? null : true)
    await until("the stopped worker was killed (GR-017)", gone, bench.signal, 8_000)
    holds("a worker that missed a deadline was used again", (await who(fn)).worker !== before.worker)
  }
)

each(
  "late-answer-within-grace",
  "A worker that answers soon after its deadline is not used again",
  ["GR-016", "GR-018"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, timeout_seconds: 1, max_workers: 1 })
    const before = await who(fn)
    const outcome = await call(fn, "/do/sleep?ms=1120")
    // a machine that stands still for so long as to miss both instants may hand the answer on
    if (outcome.code === null) return bench.context.observe("the answer came before its deadline was noticed")
    expectOutcome("a call that answers 120 ms late", outcome, { status: 504, code: "FN_002" })
    const after = await who(fn)
    check("the same worker again", false, after.worker === before.worker, new Map(), ["GR-016"])
  }
)

each(
  "deadline-in-the-queue",
  "An invocation that waits at its deadline gets FN_002, and never reaches a worker",
  ["GR-012", "GR-013", "GR-019"],
  { traits: ["socket"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, timeout_seconds: 30, max_workers: 1 })
    const { count: before } = await who(fn)
    const running = call(fn, "/do/sleep?ms=4000")
    await fn.untilShown("the first call runs", ({ workers }) => workers.busy === 1)
    const waiting = measure(
      bench,
      "FN_002 of a call that waits",
      "GR-019",
      () => call(fn, "/do/who", BUDGET_MS),
      4
    )
    // both are heard of, whichever fails
    const [ran] = await Promise.all([running, waiting])
    expectOutcome("the call that ran meanwhile", ran, { status: 200 })
    const { count } = await who(fn)
    check("invocations that the worker had", before + 2, count, new Map(), ["GR-019"])
  }
)
