// the end of a server, and what it leaves.
import { existsSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Bench, OwnServer } from "../Bench.ts"
import { check, holds } from "../check.ts"
import { encodeRequest } from "../client/HttpClient.ts"
import { casesOf } from "../define.ts"
import { type Fn, until } from "../Door.ts"
import { call, expectOutcome, type Outcome, outcomeOf, who } from "../guarantees/calls.ts"
import { logFolder, readLog } from "../guarantees/Logs.ts"
import { allowanceMs, judge, pause, timed, withLateness } from "../guarantees/timing.ts"
import { livingChildren, untilGone, zombiesOf } from "../guarantees/workers.ts"
import { descriptorCount, processOf } from "../target/processTable.ts"

const { add, all: endCases, each } = casesOf("guarantees", ["own"])
export { endCases }

/** Begins a call and resolves once the function runs it: gives its outcome, to be awaited later. */
const begun = async (
  fn: Fn,
  path: string,
  runningNow = 1
): Promise<{ readonly outcome: Promise<Outcome> }> => {
  const outcome = call(fn, path)
  outcome.catch(() => {})
  await fn.untilShown("the call runs", ({ workers }) => workers.busy >= runningNow)
  return { outcome }
}

each(
  "killed-server",
  "Workers, one of them in an endless loop, end within a second of their server's SIGKILL; its socket is taken over",
  ["GR-004", "GR-007", "GR-008"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const server = await bench.own()
    const fn = await server.fn({ runtime, max_workers: 3 })
    await begun(fn, "/do/spin")
    await begun(fn, "/do/never", 2)
    await who(fn)
    const workers = livingChildren(server)
    holds("no worker was found", workers.length >= 3)
    const tmp = join(server.process.place.data, "tmp")
    const folders = new Set(marksOf(tmp))
    const { lateMs, value: tookMs } = await withLateness(async () => {
      await server.kill()
      return await untilGone(workers, 8_000, bench.signal)
    })
    check("workers that are still alive after 8 s", true, tookMs !== null, new Map(), ["GR-004"])
    const what = `the end of ${workers.length} workers after SIGKILL`
    judge(bench, { what, afterMs: 0, withinMs: 1000, late: "GR-004" }, [tookMs ?? 0], lateMs)

    holds("the socket file is gone, although nobody could remove it", existsSync(server.process.place.socket))
    const again = await bench.again(server)
    if (again.address.socket !== null) {
      check("PING on the socket that was taken over", "OK", (await again.call("PING")).status, new Map(), [
        "GR-008"
      ])
    }
    const left = () => (marksOf(tmp).some((mark) => folders.has(mark)) ? null : true)
    await until("temporary folders of the killed server are removed (GR-007)", left, bench.signal, 8_000)
  }
)

/** What is in a folder, told apart from what gets the same names later. */
const marksOf = (folder: string): ReadonlyArray<string> =>
  (existsSync(folder) ? readdirSync(folder) : []).map((name) => {
    const { birthtimeMs, ino } = lstatSync(join(folder, name))
    return `${name} ${ino} ${birthtimeMs}`
  })

each(
  "ended-server",
  "After an orderly end no worker, no zombie, no socket file and no temporary folder is left",
  ["GR-005", "GR-006", "GR-007", "GR-042"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const server = await bench.own()
    const fn = await server.fn({ runtime, max_workers: 3 })
    const { outcome } = await begun(fn, "/do/sleep?ms=400")
    await who(fn)
    const workers = livingChildren(server)
    holds("no worker was found", workers.length >= 2)
    server.process.signal("SIGTERM")
    const { code } = await server.process.exited
    const left = workers.filter((one) => processOf(one.pid)?.startedAt === one.startedAt)
    check("workers that were not ended and reaped", [], left, new Map(), ["GR-005"])
    check("the exit code", 0, code, new Map(), ["GR-042"])
    expectOutcome("what ran at SIGTERM", await outcome, { status: 200 }, "GR-042")
    checkNothingLeft(server)
  }
)

const checkNothingLeft = ({ process: { place } }: OwnServer): void => {
  check("the socket file is still there", false, existsSync(place.socket), new Map(), ["GR-006"])
  const tmp = join(place.data, "tmp")
  const folders = existsSync(tmp) ? readdirSync(tmp) : []
  check("temporary folders that are left", [], folders, new Map(), ["GR-007"])
}

add(
  "unreadable-temporary-folder",
  "A temporary folder that its function made unreadable is removed too",
  ["GR-007"],
  { traits: ["bun"] },
  async (bench) => {
    const server = await bench.own()
    const source = `import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
      import { tmpdir } from "node:os"
      export default () => {
        const inner = tmpdir() + "/locked/deeper"
        mkdirSync(inner, { recursive: true })
        writeFileSync(inner + "/file", "x")
        chmodSync(inner, 0)
        chmodSync(tmpdir() + "/locked", 0)
        return new Response(tmpdir())
      }`
    const fn = await server.fn({ runtime: "bun", source })
    const { text } = await call(fn)
    holds("the function has no temporary folder of its own", existsSync(text), text)
    server.process.signal("SIGTERM")
    await server.process.exited
    checkNothingLeft(server)
  }
)

add(
  "socket-of-another",
  "A server does not start on a socket on which another listens, and leaves it alone",
  ["GR-009"],
  { traits: ["socket"] },
  async (bench) => {
    const server = await bench.own()
    const { socket } = server.process.place
    const before = statSync(socket).ino
    const second = await bench.launch({ place: { socket } })
    const { code, signal } = await second.exited
    holds("a second server started on the socket", code !== 0 && signal === null, { code, signal })
    check("the socket file", before, statSync(socket).ino)
    check("PING of the first", "OK", (await server.call("PING")).status)
  }
)

each(
  "no-zombies",
  "Workers that crash one after another are all reaped, and no descriptor of theirs is kept",
  ["GR-010", "GR-011"],
  { timeoutMs: 60_000 },
  async (bench, runtime) => {
    const server = await bench.own()
    const fn = await server.fn({ runtime, timeout_seconds: 1, max_workers: 2, concurrency: 4 })
    await who(fn)
    await settle(fn)
    const before = descriptorCount(server.pid)
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(["/do/exit", "/do/never", "/do/never"].map((path) => call(fn, path)))
    }
    await who(fn)
    await leaveInAllWays(server, fn)
    await settle(fn)
    const zombies = () => (zombiesOf(server.pid).length === 0 ? true : null)
    await until("all workers are reaped (GR-010)", zombies, bench.signal, 8_000)
    // a listening socket, a spare or a file of the log may have come since
    const room = 8
    let now = 0
    const back = () => ((now = descriptorCount(server.pid)) <= before + room ? true : null)
    await until(`no more than ${before} descriptors and ${room} (GR-011)`, back, bench.signal, 10_000)
    bench.context.observe(`descriptors: ${before} before, ${now} after 8 late workers and 60 clients`)
  }
)

const settle = (fn: Fn) =>
  fn.untilShown(
    "its workers are at rest",
    ({ workers }) => workers.busy + workers.draining + workers.starting === 0
  )

/** Clients that come and go: in order, in the middle of a request, without a word. */
const leaveInAllWays = async (server: OwnServer, fn: Fn): Promise<void> => {
  const { url } = server.address
  for (let n = 0; n < 20; n += 1) {
    if (url !== null) {
      const [quiet, torn, hasty] = await Promise.all([server.tcp(), server.tcp(), server.tcp()])
      await torn?.send(`POST ${fn.target()} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf`)
      await hasty?.send(encodeRequest({ target: fn.target("/do/sleep?ms=20") }, url.host))
      for (const connection of [quiet, torn, hasty]) connection.destroy()
    }
    if (server.address.socket !== null) {
      const client = await server.connect()
      await client.send(Buffer.from([40, 0, 0, 0, 1, 0]))
      client.destroy()
    }
  }
}

each(
  "drain",
  "What runs and what waits at SIGTERM is answered as always, and the server exits with 0",
  ["GR-042", "GR-043"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const server = await bench.own()
    const fn = await server.fn({ runtime, max_workers: 1 })
    const { outcome: runs } = await begun(fn, "/do/sleep?ms=700")
    const waits = [call(fn), call(fn, "/do/throw"), call(fn)]
    await fn.untilShown("three wait", ({ queued }) => queued === 3)
    server.process.signal("SIGTERM")
    expectOutcome("what ran", await runs, { status: 200 }, "GR-043")
    const [first, second, third] = await Promise.all(waits)
    if (first !== undefined) expectOutcome("what waited", first, { status: 200 }, "GR-043")
    if (second !== undefined) expectOutcome("what waited, and throws", second, { code: "FN_004" }, "GR-043")
    if (third !== undefined) expectOutcome("what waited last", third, { status: 200 }, "GR-043")
    check("the exit code", 0, (await server.process.exited).code, new Map(), ["GR-042"])
  }
)

add(
  "drain-lets-nobody-in",
  "A server that stops takes no connection, no invocation and no change, while what runs goes on",
  ["GR-044", "GR-045"],
  { traits: ["http", "socket", "logs", "bun"], timeoutMs: 40_000 },
  async (bench) => {
    const server = await bench.own()
    const fn = await server.fn({ runtime: "bun", max_workers: 2 })
    await who(fn)
    const client = bench.keep(await server.connect())
    await client.call("PING")
    const path = join(bench.context.folder, "go")
    const { outcome: runs } = await begun(fn, `/do/file?path=${encodeURIComponent(path)}`)
    server.process.signal("SIGTERM")
    const refused = async (connect: () => Promise<{ destroy: () => void }>) => {
      try {
        ;(await connect()).destroy()
        return null
      } catch {
        bench.signal.throwIfAborted()
        return true
      }
    }
    await until(
      "HTTP connections are refused (GR-044)",
      () => refused(() => server.tcp()),
      bench.signal,
      8_000
    )
    await until("socket connections are refused", () => refused(() => server.connect()), bench.signal, 8_000)
    const late = await client.call("INVOKE", { function_id: fn.name, url: "/do/log?n=1&mark=late" })
    const { code } = outcomeOf(late.payload, late.problem)
    check("an invocation on a connection that was there", "FN_008", code, new Map(), ["GR-045"])
    const registration = await client.call("REGISTER_FUNCTION", { name: "too-late", runtime: server.runtime })
    check("a registration meanwhile", "FN_008", registration.payload["code"], new Map(), ["GR-045"])
    writeFileSync(path, "")
    expectOutcome("what ran", await runs, { status: 200 })
    await server.process.exited
    const again = await bench.again(server)
    const known = await again.call("GET_FUNCTION", { function_id: "too-late" })
    check("the registration that was refused", "NOT_FOUND", known.status, new Map(), ["GR-045"])
    const said = readLog(logFolder(again), fn.id).map(({ message }) => message)
    check("what the invocation said", { $not: { $some: "late 0 " } }, said, new Map(), ["GR-045"])
  }
)

add(
  "drain-time",
  "What is still in flight when the drain time is over gets FN_008, and the server exits with 0",
  ["GR-046"],
  { timeoutMs: 40_000 },
  async (bench) => {
    const server = await bench.own({ settings: { drain_timeout_seconds: 1 } })
    const inFlight: Array<Promise<Outcome>> = []
    for (const runtime of bench.target.runtimes) {
      const fn = await server.fn({ runtime, max_workers: 1 })
      inFlight.push((await begun(fn, "/do/never")).outcome, call(fn))
      await fn.untilShown("one waits", ({ queued }) => queued === 1)
    }
    const { lateMs, value } = await withLateness(() =>
      timed(async () => {
        server.process.signal("SIGTERM")
        return await Promise.all(inFlight)
      })
    )
    for (const outcome of value.value) {
      expectOutcome("what was in flight when the drain time was over", outcome, {
        status: 503,
        code: "FN_008"
      })
    }
    judge(bench, { what: "FN_008 after SIGTERM", afterMs: 1000, withinMs: 500 }, [value.ms], lateMs)
    check("the exit code", 0, (await server.process.exited).code)
  }
)

/** What ends a server that drains: a second signal, when the first has been heard. */
const endTwice = async (bench: Bench, signal: "SIGTERM" | "SIGINT", runtime: string): Promise<OwnServer> => {
  const server = await bench.own()
  const fn = await server.fn({ runtime, max_workers: 2 })
  await begun(fn, "/do/never")
  await begun(fn, "/do/spin", 2)
  const workers = livingChildren(server)
  server.process.signal(signal)
  const { url } = server.address
  if (url !== null) {
    const closed = () =>
      server.tcp().then(
        (connection) => (connection.destroy(), null),
        () => true
      )
    await until("the server has begun to stop", closed, bench.signal, 8_000)
  }
  // two SIGINT that come together are one
  if (signal === "SIGINT") await pause(700)
  const { lateMs, value } = await withLateness(() =>
    timed(async () => {
      server.process.signal(signal)
      return await server.process.exited
    })
  )
  check(`the exit code after a second ${signal}`, signal === "SIGINT" ? 130 : 143, value.value.code)
  judge(bench, { what: `the end after a second ${signal}`, afterMs: 0, withinMs: 1000 }, [value.ms], lateMs)
  const gone = await untilGone(workers, 1000 + allowanceMs(bench, lateMs) + 4_000, bench.signal)
  holds("a worker outlived the second signal", gone !== null)
  checkNothingLeft(server)
  return server
}

each(
  "second-sigterm",
  "A second SIGTERM ends the server within a second, with code 143 and nothing left behind",
  ["GR-006", "GR-047"],
  { timeoutMs: 40_000 },
  async (bench, runtime) => {
    const server = await endTwice(bench, "SIGTERM", runtime)
    // the place can be used again
    mkdirSync(server.process.place.data, { recursive: true })
    await bench.again(server)
  }
)

add(
  "sigint",
  "A SIGINT is like a SIGTERM: what runs is answered and the exit code is 0; a later second one ends at once with 130",
  ["GR-006", "GR-048"],
  { timeoutMs: 60_000 },
  async (bench) => {
    const server = await bench.own()
    const fn = await server.fn()
    const { outcome } = await begun(fn, "/do/sleep?ms=600")
    server.process.signal("SIGINT")
    expectOutcome("what ran at SIGINT", await outcome, { status: 200 }, "GR-048")
    check("the exit code", 0, (await server.process.exited).code, new Map(), ["GR-048"])
    checkNothingLeft(server)
    await endTwice(bench, "SIGINT", server.runtime)
  }
)
