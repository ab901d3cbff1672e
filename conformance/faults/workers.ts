// Faults of workers.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { check, holds } from "../server/check.ts"
import type { Fn } from "../server/Door.ts"
import { until } from "../server/Door.ts"
import { call, many, who } from "../server/guarantees/calls.ts"
import { flood } from "../server/guarantees/flood.ts"
import { logFolder, Logs, readLog } from "../server/guarantees/Logs.ts"
import { judge, timed, withLateness } from "../server/guarantees/timing.ts"
import { livingChildren } from "../server/guarantees/workers.ts"
import { scriptBundle } from "../server/scripted/ScriptedWorker.ts"
import { isAlive } from "../server/target/processTable.ts"
import type { Fault } from "./Fault.ts"
import type { Stage } from "./Stage.ts"

const CRASH = { status: 502, code: "FN_004" } as const

/** Three calls that the worker has in flight; resolves with what they will come to, once they are with it. */
const inFlight = async (fn: Fn, path = "/do/never") => {
  const { count } = await who(fn)
  const calls = many(3, () => call(fn, path))
  calls.catch(() => {})
  let asked = 0
  await fn.door.until("three calls run", async () => {
    asked += 1
    return (await who(fn)).count >= count + asked + 3 ? true : null
  })
  return { calls }
}

const replaced = async (stage: Stage, fn: Fn, before: string, requirement: string): Promise<void> => {
  const { worker } = await who(fn)
  check("the same worker again", false, worker === before, new Map(), [requirement])
  stage.saw("the next call had another worker")
}

const killed: Fault = {
  name: "worker-killed",
  what: "A worker is killed by SIGKILL while it has three invocations",
  promise:
    "its invocations get FN_004 (502), others go on, the next call has another worker, no zombie is left",
  requirements: ["GR-010", "GR-020", "GR-021", "GR-022"],
  traits: ["worker-pid"],
  play: async (stage) => {
    const server = await stage.server()
    for (const runtime of stage.signalledRuntimes) {
      const other = await server.fn({ runtime })
      const fn = await server.fn({ runtime, concurrency: 6, max_workers: 1 })
      const worker = await stage.workerOf(fn)
      const { worker: mark } = await who(fn)
      const goesOn = call(other, "/do/sleep?ms=1000")
      const { calls } = await inFlight(fn)
      process.kill(worker.pid, "SIGKILL")
      for (const outcome of await calls) stage.expect(`${runtime}: what it had`, outcome, CRASH, "GR-020")
      stage.expect(`${runtime}: another worker's call`, await goesOn, { status: 200 }, "GR-021")
      await replaced(stage, fn, mark, "GR-022")
      await until("it is reaped (GR-010)", () => (isAlive(worker) ? null : true), stage.bench.signal, 8_000)
    }
  }
}

const stopped: Fault = {
  name: "worker-stopped",
  what: "A worker is stopped by SIGSTOP while it has an invocation with a deadline of one second",
  promise: "FN_002 (504) at its deadline, and not before; the worker is killed, the next call has another",
  requirements: ["GR-012", "GR-013", "GR-015", "GR-017", "GR-018"],
  traits: ["worker-pid"],
  play: async (stage) => {
    const server = await stage.server()
    for (const runtime of stage.signalledRuntimes) {
      const fn = await server.fn({ runtime, concurrency: 4, max_workers: 1, timeout_seconds: 1 })
      const worker = await stage.workerOf(fn)
      const { worker: mark } = await who(fn)
      process.kill(worker.pid, "SIGSTOP")
      const { lateMs, value } = await withLateness(() => many(3, () => timed(() => call(fn))))
      for (const { value: outcome } of value)
        stage.expect(`${runtime}: its call`, outcome, { code: "FN_002" }, "GR-015")
      judge(
        stage.bench,
        { what: `observed: ${runtime}: FN_002`, afterMs: 1000, withinMs: 100 },
        value.map(({ ms }) => ms),
        lateMs
      )
      await until("it is killed (GR-017)", () => (isAlive(worker) ? null : true), stage.bench.signal, 8_000)
      await replaced(stage, fn, mark, "GR-018")
    }
  }
}

const spins: Fault = {
  name: "worker-spins",
  what: "A handler computes without end",
  promise: "FN_002 (504) at its deadline, and not before; its worker is killed, the next call has another",
  requirements: ["GR-012", "GR-013", "GR-014", "GR-017", "GR-018"],
  play: async (stage) => {
    const server = await stage.server()
    for (const runtime of stage.runtimes) {
      const fn = await server.fn({ runtime, concurrency: 3, max_workers: 1, timeout_seconds: 1 })
      const { worker: mark } = await who(fn)
      const { lateMs, value } = await withLateness(() => many(3, () => timed(() => call(fn, "/do/spin"))))
      for (const { value: outcome } of value)
        stage.expect(`${runtime}: its call`, outcome, { code: "FN_002" }, "GR-014")
      judge(
        stage.bench,
        { what: `observed: ${runtime}: FN_002`, afterMs: 1000, withinMs: 100 },
        value.map(({ ms }) => ms),
        lateMs
      )
      await replaced(stage, fn, mark, "GR-018")
    }
  }
}

/** A scripted worker that writes these bytes on a call of /break, and answers everything else. */
const scripted = (bytes: string, next: "go on" | "exit") =>
  scriptBundle(
    (worker, args: { readonly bytes: string; readonly next: string }) => {
      worker.on("invoke", ({ id, payload }) => {
        const url = String(payload["url"])
        if (url.includes("never")) return
        if (!url.includes("break"))
          return worker.respond(id, JSON.stringify({ worker: String(worker.pid), count: 0, pid: null }))
        worker.raw(args.bytes.replaceAll("ID", id))
        if (args.next === "exit") worker.exit(0)
      })
    },
    { bytes, next }
  )

const breakWith = async (stage: Stage, name: string, bytes: string, next: "go on" | "exit", code: string) => {
  const door = await stage.bench.scripted()
  const settings = { concurrency: 4, max_workers: 1, timeout_seconds: 2 }
  const fn = await door.fn({ source: scripted(bytes, next), ...settings })
  const { worker: mark } = await who(fn)
  const held = call(fn, "/never")
  await fn.untilShown("one runs", ({ workers }) => workers.busy === 1)
  stage.expect(`${name}: the call`, await call(fn, "/break"), { code })
  stage.expect(`${name}: the other that it had`, await held, { code })
  await replaced(stage, fn, mark, "GR-023")
}

const garbage: Fault = {
  name: "worker-garbage",
  what: "A worker writes messages that the protocol does not allow, and bytes that are no messages",
  promise: "what it has gets FN_004 (502) and it is not used again; lines that are no messages harm nothing",
  requirements: ["GR-023", "GR-062", "GR-074"],
  traits: ["scripted-worker"],
  play: async (stage) => {
    const door = await stage.bench.scripted()
    await stage.whileServing(
      door.runtime === "bun" ? door : await stage.server(),
      async () => {
        await breakWith(
          stage,
          "a message without its payload",
          '{"id":"ID","type":"response"}\n',
          "go on",
          "FN_004"
        )
        const foreign = '{"id":"nobody","type":"response","payload":{"status":200,"headers":{},"body":""}}\n'
        await breakWith(stage, "an answer nobody asked for", foreign, "go on", "FN_004")
        const source = scripted(
          'no message\n\u0000\u0001\n{"id":"ID","type":"response","payload":{"status":200,"headers":{},"body":""}}\n',
          "go on"
        )
        const fn = await door.fn({ source })
        stage.expect("lines that are no messages, and an answer", await call(fn, "/break"), { status: 200 })
      },
      "GR-062"
    )
  }
}

const tornLine: Fault = {
  name: "worker-torn-line",
  what: "A worker writes half a message, and then nothing more, or exits",
  promise:
    "its invocations get FN_002 (504) at their deadline, or FN_004 (502) at its exit; the next call has another worker",
  requirements: ["GR-001", "GR-017", "GR-020", "GR-022"],
  traits: ["scripted-worker"],
  play: async (stage) => {
    const half = '{"id":"ID","type":"response","payload":{"status":200,'
    await breakWith(stage, "half a message, and an exit", half, "exit", "FN_004")
    await breakWith(stage, "half a message, and nothing more", half, "go on", "FN_002")
  }
}

const floods: Fault = {
  name: "worker-flood",
  what: "A function writes to its standard output as fast as it can",
  promise: "what is too much is cut and counted in the log, and other functions are served",
  requirements: ["GR-072", "GR-073"],
  traits: ["bun", "logs"],
  play: async (stage) => {
    const server = await stage.server()
    const stop = join(stage.bench.context.folder, "stop")
    const fn = await server.fn({ runtime: "bun", source: flood(stop), timeout_seconds: 60 })
    const folder = logFolder(server)
    await stage.whileServing(
      server,
      async () => {
        const flooding = call(fn)
        const told = () => readLog(folder, "were cut").find((line) => line["function_id"] === fn.id) ?? null
        const line = await server.until("a line that tells how many bytes were cut (GR-072)", told, 30_000)
        stage.saw(`"${String(line["message"])}"`)
        writeFileSync(stop, "")
        stage.expect("the call that floods", await flooding, { status: 200 })
      },
      "GR-073"
    )
  }
}

const logFlood: Fault = {
  name: "log-flood",
  what: "Invocations say 5,000 log lines each, eight at a time",
  promise:
    "1,000 of each are kept, what was cut is told by a line and in its record; other functions are served",
  requirements: ["GR-067", "GR-069", "GR-070", "GR-073"],
  traits: ["logs", "http"],
  play: async (stage) => {
    const server = await stage.server()
    for (const runtime of stage.runtimes) {
      const fn = await server.fn({ runtime, concurrency: 2, max_workers: 4 })
      const logs = new Logs(fn)
      const ids = Array.from({ length: 8 }, (_, n) => `flood-${runtime}-${n}`)
      await stage.whileServing(
        server,
        () =>
          Promise.all(
            ids.map((id) => fn.http(`/do/log?n=5000&mark=${id}`, { headers: { "X-Invocation-Id": id } }))
          ),
        "GR-073"
      )
      for (const id of ids) {
        const record = await logs.untilRecord(id, 20_000)
        const lines = logs.linesOf(id)
        const kept = lines.filter(({ level }) => level !== "warn").length
        check(`lines of ${id}`, { $lte: 1000 }, kept, new Map(), ["GR-067"])
        check(`log_lines_cut of ${id}`, 5000 - kept, record["log_lines_cut"], new Map(), ["GR-070"])
        holds(
          "no line tells what was cut (GR-069)",
          lines.some(({ level }) => level === "warn")
        )
      }
      stage.saw(`${runtime}: of 8 times 5,000 lines 1,000 at most are kept, and the rest is told`)
    }
  }
}

const outOfMemory: Fault = {
  name: "worker-out-of-memory",
  what: "A handler on quickjs-ng takes all the memory that it gets",
  promise: "FN_003 (500) for all that its worker has, and the next call has another worker",
  requirements: ["GR-024", "GR-025"],
  traits: ["quickjs-ng"],
  play: async (stage) => {
    const server = await stage.server()
    const fn = await server.fn({ runtime: "quickjs-ng", memory_mb: 32, concurrency: 6, max_workers: 1 })
    const { worker: mark } = await who(fn)
    const { calls } = await inFlight(fn)
    const greedy = await call(fn, "/do/memory")
    for (const outcome of [greedy, ...(await calls)])
      stage.expect("what it had", outcome, { code: "FN_003" }, "GR-024")
    await replaced(stage, fn, mark, "GR-025")
  }
}

const forkServer: Fault = {
  name: "fork-server-killed",
  what: "The fork server and the spare workers of quickjs-ng are killed by SIGKILL while a worker runs an invocation",
  promise: "the invocation has one answer (its own, or FN_004), and the calls after it are served",
  requirements: ["GR-001", "GR-010", "GR-022"],
  traits: ["own", "quickjs-ng"],
  play: async (stage) => {
    const server = await stage.own()
    const fn = await server.fn({ runtime: "quickjs-ng", max_workers: 2 })
    const worker = await stage.workerOf(fn)
    const running = call(fn, "/do/sleep?ms=800")
    await fn.untilShown("it runs", ({ workers }) => workers.busy === 1)
    const others = livingChildren(server).filter(({ pid }) => pid !== worker.pid)
    holds("quickjs-ng has nothing beside its worker here", others.length > 0)
    for (const { pid } of others) process.kill(pid, "SIGKILL")
    stage.saw(`${others.length} processes beside the worker were killed`)
    const outcome = await running
    stage.saw(`the invocation: ${outcome.code ?? outcome.status}`)
    check("the invocation's code", { $oneOf: [null, "FN_004"] }, outcome.code, new Map(), ["GR-001"])
    // a first call may still find what was killed
    await fn.door.until(
      "calls are served again (GR-022)",
      async () => ((await call(fn)).status === 200 ? true : null),
      15_000
    )
    const more = await many(4, () => call(fn, "/do/sleep?ms=50"))
    for (const one of more) stage.expect("a call after that", one, { status: 200 }, "GR-022")
    const gone = () => (others.some(isAlive) ? null : true)
    await until("they are reaped", gone, stage.bench.signal, 5_000)
  }
}

export const workerFaults: ReadonlyArray<Fault> = [
  killed,
  stopped,
  garbage,
  tornLine,
  floods,
  spins,
  outOfMemory,
  logFlood,
  forkServer
]
