// Faults of the server's process, and of what it stands on.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CaseFailure } from "../model/Case.ts"
import { check, holds } from "../server/check.ts"
import { type Door, Fn, until } from "../server/Door.ts"
import { call, many, type Outcome, who } from "../server/guarantees/calls.ts"
import { fillDisk, smallDisk } from "../server/guarantees/Disk.ts"
import { judge, pause, timed, withLateness } from "../server/guarantees/timing.ts"
import { livingChildren, untilGone } from "../server/guarantees/workers.ts"
import { descriptorCount, processOf } from "../server/target/processTable.ts"
import { buildClockShim } from "./clockShim.ts"
import type { Fault } from "./Fault.ts"

const textSource = (text: string): string => `export default () => new Response(${JSON.stringify(text)})`

const answerOf = (door: Door, name: string): Promise<Outcome> => call(new Fn(door, { name, id: "" }))

const killed: Fault = {
  name: "server-killed",
  what: "The server is killed by SIGKILL while its functions run, and started again",
  promise:
    "its workers end within a second, the socket is taken over, and what was acknowledged is there: registrations and deployments",
  requirements: ["GR-004", "GR-008", "GR-049", "GR-050"],
  traits: ["own"],
  play: async (stage) => {
    const server = await stage.own()
    for (const runtime of stage.runtimes) {
      const fn = await server.fn({ runtime, max_workers: 3 })
      void call(fn, "/do/spin").catch(() => {})
      void call(fn, "/do/never").catch(() => {})
      await fn.untilShown("two run", ({ workers }) => workers.busy === 2)
      await server.register({ name: `kept-${runtime}`, runtime })
      await server.deploy(`kept-${runtime}`, "v1", textSource("old"))
      await server.deploy(`kept-${runtime}`, "v2", textSource(`kept on ${runtime}`))
    }
    await server.register({ name: "registered-last", runtime: server.runtime })
    const workers = livingChildren(server)
    const { lateMs, value: ms } = await withLateness(async () => {
      await server.kill()
      return await untilGone(workers, 8_000, stage.bench.signal)
    })
    check("workers were alive after 8 s", true, ms !== null, new Map(), ["GR-004"])
    const what = `observed: the end of ${workers.length} processes`
    judge(stage.bench, { what, afterMs: 0, withinMs: 1000, late: "GR-004" }, [ms ?? 0], lateMs)
    const again = await stage.bench.again(server)
    check(
      "the function that was registered last",
      { status: "registered" },
      await again.show("registered-last")
    )
    for (const runtime of stage.runtimes) {
      const { text } = await answerOf(again, `kept-${runtime}`)
      check("what was deployed last", `kept on ${runtime}`, text, new Map(), ["GR-050"])
    }
    stage.saw("the server started at the same place; registrations and deployments were all there")
  }
}

const killedInDeploy: Fault = {
  name: "server-killed-in-deploy",
  what: "The server is killed by SIGKILL in the middle of a deployment, and started again",
  promise: "the version of before or the new one is in force, whole; the label of one that is not is free",
  requirements: ["GR-051", "GR-052"],
  traits: ["own"],
  timeoutMs: 90_000,
  play: async (stage) => {
    let server = await stage.own()
    const large = (version: string) => `${textSource(version)}\n//${"x".repeat(600_000)}`
    await server.register({ name: "cut", runtime: server.runtime })
    await server.deploy("cut", "v0", large("v0"))
    let before = "v0"
    for (const [n, afterMs] of [5, 60, 200].entries()) {
      const version = `v${n + 1}`
      const deploying = server.deploy("cut", version, large(version)).then(
        () => true,
        () => false
      )
      await pause(afterMs)
      await server.kill()
      const acknowledged = await deploying
      server = await stage.bench.again(server)
      const { text } = await answerOf(server, "cut")
      stage.saw(
        `killed after ${afterMs} ms: ${acknowledged ? "acknowledged" : "not acknowledged"}, ${text} is in force`
      )
      check("what is in force", { $oneOf: acknowledged ? [version] : [before, version] }, text, new Map(), [
        "GR-051"
      ])
      if (text !== version) await server.expectDeployed("cut", version, large(version))
      const next = await answerOf(server, "cut")
      check("the same label, deployed again", version, next.text, new Map(), ["GR-052"])
      before = version
    }
  }
}

const stopped: Fault = {
  name: "server-stopped",
  what: "The server is stopped by SIGSTOP for two seconds while invocations run and wait, and goes on by SIGCONT",
  promise:
    "each invocation has one answer: its own, or FN_002 where its deadline passed; the calls after it are served",
  requirements: ["GR-001", "GR-012"],
  traits: ["pid"],
  play: async (stage) => {
    const server = await stage.server()
    const fn = await server.fn({ max_workers: 1, timeout_seconds: 30 })
    const short = await server.fn({ max_workers: 1, timeout_seconds: 1 })
    await who(fn)
    await who(short)
    const calls = many(4, () => call(fn, "/do/sleep?ms=200"))
    const late = timed(() => call(short, "/do/never"))
    for (const one of [calls, late]) one.catch(() => {})
    await short.untilShown("it runs", ({ workers }) => workers.busy === 1)
    await fn.untilShown("one runs", ({ workers }) => workers.busy === 1)
    const { pid } = server
    process.kill(pid, "SIGSTOP")
    const go = () => void process.kill(pid, "SIGCONT")
    // whatever becomes of this, and of the suite
    process.once("exit", go)
    stage.bench.after(go)
    await until(
      "it is stopped",
      () => (processOf(pid)?.state === "T" ? true : null),
      stage.bench.signal,
      2_000
    )
    // what a server does that is stopped is nothing: one that answers is another process than the one that was named
    let answered = false
    const asked = server.show(fn.name).then(() => (answered = true))
    asked.catch(() => {})
    await pause(2_000)
    const isAnother = answered
    go()
    process.off("exit", go)
    holds(`process ${pid} is stopped, and the server answers: it is another process`, !isAnother)
    await asked
    for (const outcome of await calls)
      stage.expect("a call with time enough", outcome, { status: 200 }, "GR-001")
    const { ms, value } = await late
    stage.expect(
      `a call with a deadline of 1 s, after ${ms.toFixed(0)} ms`,
      value,
      { code: "FN_002" },
      "GR-012"
    )
    stage.expect("a call after that", await call(fn), { status: 200 })
  }
}

const diskFull: Fault = {
  name: "disk-full",
  what: "The disk of the data folder gets full, and has room again later",
  promise:
    "registrations and deployments are refused with FN_004, calls are served; with room they go through, and all records come",
  requirements: ["GR-053", "GR-081"],
  traits: ["own", "http"],
  play: async (stage) => {
    const disk = await smallDisk(stage.bench, 6_000)
    const server = await stage.own({ place: { data: join(disk.path, "data") } })
    const fn = await server.fn({ source: textSource("in force") })
    const empty = fillDisk(disk)
    const bundle = `${textSource("later")}\n//${"x".repeat(300_000)}`
    const refused = await server.api("POST", `/functions/${fn.name}/deploy`, { version: "v2", bundle })
    const seen = { status: refused.status, code: refused.header("x-function-error") }
    check("the deployment on a full disk", { status: 500, code: "FN_004" }, seen, new Map(), ["GR-053"])
    const { detail } = refused.json() as { readonly detail?: string }
    stage.saw(`the deployment: ${seen.code} (${seen.status}), "${detail}"`)
    const ids = Array.from({ length: 20 }, (_, n) => `in-need-${n}`)
    for (const id of ids) {
      const response = await fn.http("/", { headers: { "X-Invocation-Id": id } })
      check("a call on a full disk", 200, response.status, new Map(), ["GR-053"])
    }
    empty()
    await server.expectDeployed(fn.name, "v2", bundle)
    check("what answers with room again", "later", (await call(fn)).text)
    const logs = server.address.logsDir()
    if (logs !== null) {
      const { readLog } = await import("../server/guarantees/Logs.ts")
      const all = () =>
        readLog(logs, "in-need-").filter(({ type }) => type === "invocation").length === ids.length
      await until(
        "the records of the calls (GR-081)",
        () => (all() ? true : null),
        stage.bench.signal,
        20_000
      )
    }
    stage.saw("20 calls were served; with room the deployment went through, and the 20 records came")
  }
}

const folderGone: Fault = {
  name: "data-folder-gone",
  what: "Everything in the data folder is deleted while the server runs",
  promise:
    "workers that live go on serving, what cannot be stored is refused, and SIGTERM ends the server with 0",
  requirements: ["GR-001", "GR-042", "GR-053"],
  traits: ["own", "http"],
  play: async (stage) => {
    const server = await stage.own()
    const { data } = server.process.place
    const fns = await Promise.all(
      stage.runtimes.map((runtime) => server.fn({ runtime, idle_timeout_seconds: 300 }))
    )
    for (const fn of fns) await who(fn)
    for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true, force: true })
    for (const fn of fns) {
      const { runtime } = await fn.show()
      stage.expect(`${String(runtime)}: a call`, await call(fn), { status: 200 }, "GR-053")
    }
    const deployment = await server.api("POST", "/functions", { name: "homeless", runtime: server.runtime })
    stage.saw(`a registration: ${deployment.status} ${deployment.header("x-function-error") ?? ""}`.trimEnd())
    // either it is stored (its database is still open), or refused as what cannot be
    check("a registration's status", { $oneOf: [200, 201, 500] }, deployment.status, new Map(), ["GR-053"])
    const health = await server.http("/health")
    check("GET /health", 200, health.status)
    server.process.signal("SIGTERM")
    const { code } = await server.process.exited
    check("the exit code after SIGTERM", 0, code, new Map(), ["GR-042"])
    stage.saw("SIGTERM ended it with 0")
  }
}

const clockJump: Fault = {
  name: "clock-jump",
  what: "The server's clock jumps by an hour, forward and back, while invocations run",
  promise: "no deadline comes earlier or later for it, and the calls after it are served",
  requirements: ["GR-012", "GR-013"],
  traits: ["own", "http"],
  play: async (stage) => {
    const shim = buildClockShim(stage.bench.context.folder)
    const server = await stage.own({ env: { LD_PRELOAD: shim.library, CONFORMANCE_CLOCK: shim.file } })
    const clock = async () => Date.parse((await server.http("/health")).header("date") ?? "")
    for (const runtime of stage.runtimes) {
      const fn = await server.fn({ runtime, concurrency: 4, max_workers: 1, timeout_seconds: 1 })
      await who(fn)
      for (const [words, to] of [
        ["forward", 3600],
        ["back", 0]
      ] as const) {
        const { lateMs, value } = await withLateness(() => {
          const late = many(3, () => timed(() => call(fn, "/do/never")))
          setTimeout(() => shim.shift(to), 300)
          return late
        })
        // the date that HTTP tells is up to a second old
        await server.until("a prerequisite: the jump reaches the server's clock", async () =>
          Math.abs((await clock()) - Date.now() - to * 1000) < 600_000 ? true : null
        )
        for (const { value: outcome } of value)
          stage.expect(`${runtime}: its call`, outcome, { code: "FN_002" })
        const what = `observed: ${runtime}: FN_002 with a jump of an hour ${words}`
        const took = value.map(({ ms }) => ms)
        judge(
          stage.bench,
          { what, afterMs: 1000, withinMs: 100, early: "GR-012", late: "GR-013" },
          took,
          lateMs
        )
      }
      const good = call(fn, "/do/sleep?ms=400")
      await fn.untilShown("it runs", ({ workers }) => workers.busy === 1)
      shim.shift(3600)
      stage.expect(`${runtime}: a call of 400 ms with a jump forward`, await good, { status: 200 }, "GR-012")
      shim.shift(0)
    }
  }
}

const fdExhaustion: Fault = {
  name: "fd-exhaustion",
  what: "The server may open no more files, and 200 clients connect; later it may again",
  promise: "it lives on, and serves again when it may open files; no descriptor is kept",
  requirements: ["GR-001", "GR-011"],
  traits: ["own", "http"],
  play: async (stage) => {
    const server = await stage.own()
    const { pid } = server
    const fn = await server.fn({ concurrency: 10, max_workers: 1 })
    await who(fn)
    const before = descriptorCount(pid)
    const limits = readFileSync(`/proc/${pid}/limits`, "latin1")
    const softBefore = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1])
    const limit = (soft: number) => {
      const { error, status, stderr } = spawnSync("prlimit", [`--pid=${pid}`, `--nofile=${soft}:`], {
        encoding: "utf8"
      })
      if (status === 0) return
      const observed = error?.message ?? stderr.trim()
      throw new CaseFailure("a prerequisite is missing: prlimit of util-linux cannot limit the server here", {
        observed
      })
    }
    // what is there already, and a little more
    limit(before + 12)
    const clients = await Promise.all(Array.from({ length: 200 }, () => server.tcp().catch(() => null)))
    stage.bench.after(() => clients.forEach((client) => client?.destroy()))
    for (const client of clients) void client?.send(`GET ${fn.target()} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await pause(1_000)
    const answered = clients.filter((client) => client?.isEnded === false).length
    holds("the server has died", server.process.exit === null, server.process.exit)
    stage.saw(`${clients.length} clients came, ${answered} connections are open; the server lives`)
    for (const client of clients) client?.destroy()
    limit(softBefore)
    await server.until(
      "calls are served again",
      async () => {
        try {
          return (await call(fn)).status === 200 ? true : null
        } catch {
          stage.bench.signal.throwIfAborted()
          return null
        }
      },
      15_000
    )
    let now = 0
    await server.until(
      "descriptors are given back (GR-011)",
      () => ((now = descriptorCount(pid)) <= before + 16 ? true : null),
      15_000
    )
    stage.saw(`calls are served again; descriptors: ${before} before, ${now} afterwards`)
    const more = await server.fn({})
    stage.expect("a call of a function that was deployed afterwards", await call(more), { status: 200 })
  }
}

const portTaken: Fault = {
  name: "port-taken",
  what: "A second server is started on the port, and one on the socket, of a server that runs",
  promise: "it does not start, says why, and exits with another code than 0; the first is not disturbed",
  requirements: ["GR-009", "HG-003"],
  traits: ["own", "http", "socket"],
  play: async (stage) => {
    const server = await stage.own()
    const fn = await server.fn({})
    const { port, socket } = server.process.place
    for (const [what, place] of [
      ["port", { port }],
      ["socket", { socket }]
    ] as const) {
      const second = await stage.bench.launch({ place })
      const { code } = await second.exited
      holds(`a second server started on the ${what}`, code !== 0 && code !== null, code)
      holds(`it does not say why`, second.output.trim() !== "")
      stage.saw(`on the same ${what}: exit code ${code}, "${second.output.trim().split("\n")[0]}"`)
    }
    holds("the socket file is gone", existsSync(socket))
    stage.expect("a call of the first", await call(fn), { status: 200 })
    check("PING of the first", "OK", (await server.call("PING")).status)
  }
}

const logsUnwritable: Fault = {
  name: "log-disk-full",
  what: "The disk of the log folder gets full while functions are called and say much, and has room again later",
  promise: "calls are served meanwhile; then all records come, and a line tells how many log lines were lost",
  requirements: ["GR-075", "GR-081"],
  traits: ["own", "http"],
  play: async (stage) => {
    const { readLog } = await import("../server/guarantees/Logs.ts")
    const disk = await smallDisk(stage.bench, 4_000)
    const folder = join(disk.path, "logs")
    const server = await stage.own({ settings: { logs_dir: folder } })
    const fn = await server.fn({ concurrency: 4 })
    await who(fn)
    const empty = fillDisk(disk)
    const ids = Array.from({ length: 40 }, (_, n) => `unlogged-${n}`)
    for (const id of ids) {
      const response = await fn.http("/do/log?n=40&size=100&mark=full", {
        headers: { "X-Invocation-Id": id }
      })
      check("a call while the log's disk is full", 200, response.status)
    }
    empty()
    const recorded = () =>
      new Set(
        readLog(folder, fn.id)
          .filter(({ type }) => type === "invocation")
          .map((one) => one["invocation_id"])
      )
    await server.until(
      "all records (GR-081)",
      () => (ids.every((id) => recorded().has(id)) ? true : null),
      20_000
    )
    const line = await server.until(
      "a line that tells what was lost (GR-075)",
      () => readLog(folder, "lost").find(({ message }) => /\d/.test(String(message))) ?? null
    )
    stage.saw(`40 calls were served and have their records; "${String(line["message"])}"`)
    writeFileSync(join(disk.path, "done"), "")
  }
}

export const serverFaults: ReadonlyArray<Fault> = [
  killed,
  killedInDeploy,
  stopped,
  diskFull,
  logsUnwritable,
  folderGone,
  clockJump,
  fdExhaustion,
  portTaken
]
