// Workers: which one an invocation gets, how many there are, and how they end (LC-037 to LC-045, LC-051).
import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"
import type { Fn } from "../Door.ts"
import { call } from "../guarantees/calls.ts"
import { judge, pause, timed, withLateness } from "../guarantees/timing.ts"
import {
  functionWithWorker,
  livingChildren,
  newWorkers,
  WITHOUT_SPARE_WORKERS,
  untilGone
} from "../guarantees/workers.ts"
import { gatedFn, gatedSource, held, PERMISSIVE, say } from "../lifecycle/gated.ts"
import { onRuntimes } from "../lifecycle/onRuntimes.ts"
import { isAlive } from "../target/processTable.ts"
import { Upstream } from "../Upstream.ts"

const { add, all: workerCases, each } = casesOf("lifecycle", ["http"])
export { workerCases }

/** Resolves once it has so many workers that are ready, and no others. */
const untilReady = (fn: Fn, count: number, limitMs?: number) =>
  fn.untilShown(
    `${count} workers are ready, and there are no others`,
    ({ workers: { busy, draining, idle, starting, warm } }) =>
      warm + idle === count && busy + draining + starting === 0,
    limitMs
  )

each(
  "used-again",
  "A ready worker that has room gets the next invocation, one after another and beside others",
  ["LC-038"],
  { traits: ["local"] },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const fn = await gatedFn(server, runtime, upstream, { max_workers: 4, concurrency: 4 })
    const { worker } = await say(fn)
    for (let count = 2; count <= 8; count += 1) {
      check("who answers the next call", { worker, count }, await say(fn))
    }
    const beside = []
    for (let n = 1; n <= 4; n += 1) beside.push(await held(fn, upstream, "room", n))
    const { workers } = await fn.show()
    check("its workers with four calls", { starting: 0, warm: 0, busy: 1, idle: 0, draining: 0 }, workers)
    upstream.open("room")
    for (const { said } of beside) check("who answers calls beside each other", { worker }, await said)
  }
)

each(
  "own-worker",
  "Functions and versions with the same bundle have workers of their own",
  ["LC-037"],
  {},
  async ({ server }, runtime) => {
    const settings = { max_workers: 1, concurrency: 1 }
    const fns = [
      await gatedFn(server, runtime, null, settings),
      await gatedFn(server, runtime, null, settings)
    ]
    const marks = await Promise.all(fns.map(async (fn) => (await say(fn)).worker))
    check("workers of two functions", 2, new Set(marks).size)
    for (let n = 2; n <= 4; n += 1) {
      for (const [index, fn] of fns.entries()) {
        check("who answers", { worker: marks[index], count: n }, await say(fn))
      }
    }
    // the bytes are the same, the version is another
    const [fn] = fns as [Fn, Fn]
    await server.deploy(fn.name, "v2", gatedSource("v1", null))
    const after = await say(fn)
    check("who answers after another version", { count: 1, worker: { $not: marks[0] } }, after)
    check("its environment", "v2", after.env["BUNBASE_VERSION"])
  }
)

each(
  "concurrency",
  "A worker has no more in flight than the function's concurrency; what is more waits, and is counted",
  ["LC-039", "LC-047", "LC-048"],
  { traits: ["local"], timeoutMs: 30_000 },
  async (bench, runtime) => {
    const { server } = bench
    for (const concurrency of [1, 3]) {
      const upstream = await Upstream.start(bench)
      const settings = { max_workers: 2, concurrency, timeout_seconds: 25 }
      const fn = await gatedFn(server, runtime, upstream, settings)
      const room = 2 * concurrency
      const calls = Array.from({ length: room + 3 }, () => say(fn, "/?hold=full"))
      for (const one of calls) one.catch(() => {})
      await upstream.untilWaiting("full", room)
      const full = await fn.untilShown("three wait", ({ queued }) => queued === 3)
      check("the function", { state: "BUSY", workers: { busy: 2, warm: 0, idle: 0, starting: 0 } }, full)
      check("invocations that run", room, upstream.waiting("full"))
      upstream.open("full")
      const said = await Promise.all(calls)
      for (const { most } of said) {
        holds(`a worker had more than ${concurrency} in flight`, most <= concurrency, most)
      }
      check("workers", 2, new Set(said.map(({ worker }) => worker)).size)
      await fn.untilShown("nothing waits", ({ queued, state }) => queued === 0 && state !== "BUSY")
    }
  }
)

each(
  "warm-and-idle",
  "Warm workers are ready without a call and stay; workers beyond them end after the idle time, also all of them",
  ["LC-040", "LC-041"],
  { traits: ["local"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const { server } = bench
    const upstream = await Upstream.start(bench)
    const settings = { max_workers: 4, concurrency: 1, idle_timeout_seconds: 0.4 }
    const fn = await gatedFn(server, runtime, upstream, { ...settings, warm_workers: 2 })
    await untilReady(fn, 2)
    const calls = Array.from({ length: 4 }, () => say(fn, "/?hold=all"))
    for (const one of calls) one.catch(() => {})
    await upstream.untilWaiting("all", 4)
    upstream.open("all")
    await Promise.all(calls)
    await untilReady(fn, 2)
    const until = performance.now() + 1_200
    while (performance.now() < until) {
      const { workers } = await fn.show()
      check("warm workers, some idle times later", 2, workers.warm + workers.idle)
      await pause(40)
    }
    const none = await gatedFn(server, runtime, null, settings)
    const { worker } = await say(none)
    await untilReady(none, 0)
    check("its state without workers", "DEPLOYED", (await none.show()).state)
    check("the next call", { count: 1, worker: { $not: worker } }, await say(none))
  }
)

add(
  "warm-replaced",
  "A warm worker that was killed is replaced without a call",
  ["LC-051", "LC-040"],
  { traits: ["own"], timeoutMs: 40_000 },
  onRuntimes({ settings: WITHOUT_SPARE_WORKERS }, async (server, runtime) => {
    await say(await gatedFn(server, runtime, null))
    const { value: fn, workers } = await newWorkers(server, async () => {
      const made = await gatedFn(server, runtime, null, { warm_workers: 2, max_workers: 3 })
      await untilReady(made, 2)
      return made
    })
    check("processes of two warm workers", 2, workers.length)
    const others = new Set(livingChildren(server).map(({ pid }) => pid))
    for (const { pid } of workers) {
      others.add(pid)
      process.kill(pid, "SIGKILL")
    }
    await server.until(
      "two other processes",
      () => (livingChildren(server).filter(({ pid }) => !others.has(pid)).length === 2 ? true : null),
      15_000
    )
    await untilReady(fn, 2, 15_000)
    check("the next call", { count: 1 }, await say(fn))
  })
)

add(
  "single-use",
  "With isolation by invocation each invocation has a worker of its own, which ends afterwards",
  ["LC-042", "LC-049"],
  { traits: ["own", "socket"], timeoutMs: 40_000 },
  onRuntimes({ settings: WITHOUT_SPARE_WORKERS }, async (server, runtime, bench) => {
    const upstream = await Upstream.start(bench)
    await say(await gatedFn(server, runtime, null))
    const before = new Set(livingChildren(server).map(({ pid }) => pid))
    const settings = { isolation: "invocation", max_workers: 3, concurrency: 5 }
    const fn = await gatedFn(server, runtime, upstream, settings)
    const said = []
    for (let n = 0; n < 3; n += 1) {
      const { payload } = await fn.invoke()
      check("cold_start", { success: true, cold_start: true }, payload, new Map(), ["LC-049"])
      said.push(JSON.parse(Buffer.from(String(payload["body"]), "base64").toString()))
    }
    const beside = Array.from({ length: 4 }, () => say(fn, "/?hold=three"))
    for (const one of beside) one.catch(() => {})
    await upstream.untilWaiting("three", 3)
    const full = await fn.untilShown("the fourth waits", ({ queued }) => queued === 1)
    check("its workers", { busy: 3 }, full.workers)
    upstream.open("three")
    said.push(...(await Promise.all(beside)))
    for (const one of said) check("who answers", { count: 1, most: 1 }, one)
    check("workers", said.length, new Set(said.map(({ worker }) => worker)).size)
    await untilReady(fn, 0)
    const left = () => (livingChildren(server).some(({ pid }) => !before.has(pid)) ? null : true)
    await server.until("no process of a used worker is left", left)
    check("its state", "DEPLOYED", (await fn.show()).state)
  })
)

add(
  "single-use-warm",
  "With isolation by invocation warm workers wait for their one invocation",
  ["LC-042", "LC-040"],
  {},
  async ({ server }) => {
    const settings = { isolation: "invocation", warm_workers: 1, max_workers: 2 }
    const fn = await gatedFn(server, server.runtime, null, settings)
    const marks = new Set<string>()
    for (let n = 1; n <= 3; n += 1) {
      await untilReady(fn, 1)
      const { count, worker } = await say(fn)
      check("invocations of its worker", 1, count)
      marks.add(worker)
    }
    check("workers", 3, marks.size)
  }
)

add(
  "snapshot",
  "With a snapshot workers come from one process that has evaluated the bundle: the top level runs once",
  ["LC-043"],
  { traits: ["quickjs-ng"] },
  async ({ server }) => {
    const settings = { isolation: "invocation", snapshot: true, max_workers: 3 }
    const fn = await gatedFn(server, "quickjs-ng", null, settings)
    const said = [await say(fn), ...(await Promise.all([say(fn), say(fn), say(fn)])), await say(fn)]
    for (const { count } of said) check("invocations of a worker", 1, count)
    check("evaluations of the bundle", 1, new Set(said.map(({ worker }) => worker)).size)
    const other = await gatedFn(server, "quickjs-ng", null, { ...settings, snapshot: false })
    const marks = [await say(other), await say(other)].map(({ worker }) => worker)
    check("evaluations of the bundle without a snapshot", 2, new Set(marks).size)
  }
)

add(
  "hangs-later",
  "A worker that a call starts, and that does not get ready, is killed when the start-up time is over",
  ["LC-044"],
  { traits: ["own"], timeoutMs: 40_000 },
  onRuntimes(
    { settings: { startup_timeout_seconds: 2, ...WITHOUT_SPARE_WORKERS } },
    async (server, runtime, bench) => {
      const upstream = await Upstream.start(bench)
      await say(await gatedFn(server, runtime, null))
      const source = gatedSource("v1", upstream, "load")
      const making = gatedFn(server, runtime, null, { source, idle_timeout_seconds: 0.2 })
      await Promise.race([making, upstream.untilWaiting("load")])
      upstream.release("load")
      const fn = await making
      await untilReady(fn, 0)
      const { lateMs, value } = await withLateness(async () => {
        const known = new Set(livingChildren(server).map(({ pid }) => pid))
        const calling = call(fn)
        calling.catch(() => {})
        await upstream.untilWaiting("load")
        const trying = livingChildren(server).filter(({ pid }) => !known.has(pid))
        check("processes that were started", { $gte: 1 }, trying.length)
        const { ms, value: gone } = await timed(() => untilGone(trying, 10_000, bench.signal))
        check("its process is killed", true, gone !== null)
        return ms
      })
      const what = "the end of a worker that does not get ready"
      // how long it had been starting before it asked the upstream is not known
      judge(bench, { what, afterMs: 0, withinMs: 2_500, late: "LC-044" }, [value], lateMs)
    }
  )
)

add(
  "does-not-end",
  "A worker that does not end is killed when kill_grace_ms are over",
  ["LC-045", "LC-030"],
  { traits: ["own"], timeoutMs: 40_000 },
  onRuntimes(
    { settings: { kill_grace_ms: 400, ...WITHOUT_SPARE_WORKERS } },
    async (server, runtime, bench) => {
      const spec = { runtime, source: gatedSource("v1", null), capabilities: PERMISSIVE }
      const { fn, processes } = await functionWithWorker(server, spec)
      // it hears nothing, not even SIGTERM
      for (const { pid } of processes) process.kill(pid, "SIGSTOP")
      await server.deploy(fn.name, "v2", gatedSource("v2", null))
      check("the worker when the next version is in force", true, processes.every(isAlive))
      const { lateMs, value } = await withLateness(() => untilGone(processes, 15_000, bench.signal))
      check("the worker's process is gone", true, value !== null)
      const what = "the end of a worker that hears nothing"
      judge(bench, { what, afterMs: 0, withinMs: 500, late: "LC-045" }, [value ?? 0], lateMs)
      await untilReady(fn, 1)
      check("who answers", { version: "v2" }, await say(fn))
    }
  )
)
