// clients that go away, bad bytes.
import { check, holds } from "../check.ts"
import type { Bench } from "../Bench.ts"
import { encodeRequest } from "../client/HttpClient.ts"
import { casesOf } from "../define.ts"
import { type Door, type Fn, until } from "../Door.ts"
import { call, expectOutcome, many, who } from "../guarantees/calls.ts"
import { Logs } from "../guarantees/Logs.ts"
import { httpGarbage, socketGarbage } from "../guarantees/garbage.ts"
import { pause } from "../guarantees/timing.ts"
import { isAlive, processOf, residentBytes } from "../target/processTable.ts"

const { all: clientCases, each, add } = casesOf("guarantees")
export { clientCases }

/** A request over HTTP whose connection the caller may close. */
const ask = async (door: Door, fn: Fn, path: string, invocation: string) => {
  const connection = await door.tcp()
  const headers = { "X-Invocation-Id": invocation }
  await connection.send(encodeRequest({ target: fn.target(path), headers }, door.url.host))
  return connection
}

each(
  "http-client-gone",
  "A client that closes HTTP cancels its invocation: the handler is told, the record says so, the worker goes on",
  ["GR-054", "GR-056", "GR-057"],
  { traits: ["http", "logs"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, max_workers: 1, concurrency: 3 })
    const before = await who(fn)
    const logs = new Logs(fn)
    const connection = await ask(bench.server, fn, "/do/hold?mark=http", `gone-http-${runtime}`)
    await logs.untilSaid("holding http")
    connection.destroy()
    const told = await logs.untilSaid("aborted http")
    check("whose line it is", `gone-http-${runtime}`, told["invocation_id"], new Map(), ["GR-057"])
    const record = await logs.untilRecord(`gone-http-${runtime}`)
    check("the record", { outcome: "cancelled" }, record, new Map(), ["GR-056"])
    check("the worker of the next call", before.worker, (await who(fn)).worker)
  }
)

each(
  "socket-client-gone",
  "A client that closes the socket cancels all that it asked for there, and nothing of others",
  ["GR-055", "GR-056", "GR-057"],
  { traits: ["socket", "logs"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, max_workers: 1, concurrency: 6 })
    await who(fn)
    const logs = new Logs(fn)
    const client = await bench.server.connect()
    const staying = call(fn, "/do/sleep?ms=1500")
    const ids = [0, 1, 2].map((n) => `gone-socket-${runtime}-${n}`)
    for (const id of ids) {
      client.post("INVOKE", {
        function_id: fn.name,
        url: `/do/hold?mark=${id}`,
        headers: { "x-invocation-id": id }
      })
    }
    for (const id of ids) await logs.untilSaid(`holding ${id}`)
    client.destroy()
    for (const id of ids) {
      await logs.untilSaid(`aborted ${id}`)
      check(`the record of ${id}`, { outcome: "cancelled" }, await logs.untilRecord(id), new Map(), [
        "GR-056"
      ])
    }
    expectOutcome("the invocation of another client", await staying, { status: 200 }, "GR-055")
  }
)

each(
  "works-on-for-nobody",
  "A worker that goes on after its client went away is ended when its grace is over; the next call has another",
  ["GR-054", "GR-058"],
  { traits: ["http", "logs"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, max_workers: 1, timeout_seconds: 60 })
    const logs = new Logs(fn)
    for (const path of ["/do/never", "/do/spin"]) {
      const before = await who(fn)
      const process =
        before.pid === null || bench.server.address.pid() === null ? null : processOf(before.pid)
      const connection = await ask(bench.server, fn, path, `nobody-${runtime}${path.replaceAll("/", "-")}`)
      await fn.untilShown("the call runs", ({ workers }) => workers.busy === 1)
      connection.destroy()
      await logs.untilRecord(`nobody-${runtime}${path.replaceAll("/", "-")}`)
      await fn.untilShown("the worker's end", ({ workers }) => workers.busy + workers.draining === 0)
      if (process !== null) {
        const gone = () => (isAlive(process) ? null : true)
        await until("the worker's process is gone (GR-058)", gone, bench.signal, 5_000)
      }
      check("the same worker again", false, (await who(fn)).worker === before.worker, new Map(), ["GR-058"])
    }
  }
)

each(
  "leaves-the-queue",
  "An invocation whose client went away while it waited never reaches a worker, and has its record",
  ["GR-056", "GR-059"],
  { traits: ["http", "logs"], timeoutMs: 40_000 },
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, max_workers: 1 })
    const before = await who(fn)
    const logs = new Logs(fn)
    const running = call(fn, "/do/sleep?ms=1500")
    await fn.untilShown("one runs", ({ workers }) => workers.busy === 1)
    const connection = await ask(bench.server, fn, "/do/log?n=1&mark=never", `left-${runtime}`)
    const other = call(fn, "/do/who")
    await fn.untilShown("two wait", ({ queued }) => queued === 2)
    connection.destroy()
    await fn.untilShown("one waits", ({ queued }) => queued <= 1)
    check("its record", { outcome: "cancelled" }, await logs.untilRecord(`left-${runtime}`), new Map(), [
      "GR-056"
    ])
    expectOutcome("what ran", await running, { status: 200 })
    expectOutcome("what waited behind", await other, { status: 200 })
    const { count } = await who(fn)
    check("invocations that the worker had", before.count + 3, count, new Map(), ["GR-059"])
    const said = logs.lines().filter(({ message }) => String(message).startsWith("never"))
    check("what the invocation said", [], said, new Map(), ["GR-059"])
  }
)

/** Answers while bytes are sent; fails when one is not. */
const servedMeanwhile = async (
  bench: Bench,
  requirement: string,
  work: () => Promise<void>
): Promise<void> => {
  const fn = await bench.server.fn({ max_workers: 2 })
  const before = await who(fn)
  let over = false
  let served = 0
  const calling = (async () => {
    while (!over) {
      expectOutcome("a call of another client meanwhile", await call(fn), { status: 200 }, requirement)
      served += 1
      await pause(5)
    }
  })()
  calling.catch(() => {})
  try {
    await work()
  } finally {
    over = true
  }
  await calling
  holds("a worker was lost", before.worker.length > 0 && served > 0)
  bench.context.observe(`${served} calls of another client were answered meanwhile`)
}

add(
  "http-garbage",
  "Whatever bytes come over HTTP, other clients are served",
  ["GR-060"],
  { traits: ["http"], timeoutMs: 60_000 },
  (bench) =>
    servedMeanwhile(bench, "GR-060", async () => {
      for (const bytes of httpGarbage(bench.context.seed)) {
        const connection = await bench.server.tcp()
        void connection.send(bytes)
        await Promise.race([connection.anything(), pause(60)])
        connection.destroy()
      }
    })
)

add(
  "socket-garbage",
  "Whatever bytes come over the socket, other clients are served",
  ["GR-061"],
  { traits: ["socket"], timeoutMs: 60_000 },
  (bench) =>
    servedMeanwhile(bench, "GR-061", async () => {
      for (const bytes of socketGarbage(bench.context.seed)) {
        const client = await bench.server.connect()
        // what comes back is nobody's concern here
        client.next().catch(() => {})
        void client.send(bytes)
        await Promise.race([client.ended, pause(40)])
        client.destroy()
      }
    })
)

const MIB = 1024 * 1024

add(
  "memory-stays-bounded",
  "The server's memory stays bounded while clients send what is refused, and read no answers",
  ["GR-063"],
  { traits: ["own", "http", "socket", "local"], timeoutMs: 90_000, alone: true },
  async (bench) => {
    const server = await bench.own({ settings: { max_request_bytes: 1_000_000 } })
    const fn = await server.fn({ concurrency: 20, max_workers: 1, memory_mb: 1024 })
    await who(fn)
    const before = residentBytes(server.pid)
    let most = before
    const look = () => (most = Math.max(most, residentBytes(server.pid)))
    const timer = setInterval(look, 50)
    bench.after(() => clearInterval(timer))
    let sent = 0
    // bodies over the limit, declared and not: 200 MiB
    await many(20, async (n) => {
      const connection = await server.tcp()
      bench.after(() => connection.destroy())
      const length = n % 2 === 0 ? "Content-Length: 10485760" : "Transfer-Encoding: chunked"
      void connection.send(`POST ${fn.target()} HTTP/1.1\r\nHost: a\r\n${length}\r\n\r\n`)
      const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(MIB, "x"), Buffer.from("\r\n")])
      for (let part = 0; part < 10 && !connection.isEnded; part += 1) {
        const whole = connection.send(chunk).then(() => true)
        if (!(await Promise.race([whole, pause(300)]))) break
        sent += MIB
      }
    })
    // frames that say they are long, and do not come to an end
    await many(8, async () => {
      const client = await server.connect()
      bench.after(() => client.destroy())
      const head = Buffer.alloc(17)
      head.writeUInt32LE(16 * MIB, 0)
      head.writeUInt32LE(16 * MIB - 13, 13)
      void client.send(head)
      void client.send(Buffer.alloc(4 * MIB))
      sent += 4 * MIB
    })
    // answers that nobody reads: 1,600 of 1 MiB were asked for
    await many(8, async () => {
      const client = await server.connect()
      bench.after(() => client.destroy())
      client.pause()
      for (let n = 0; n < 200; n += 1)
        client.post("INVOKE", { function_id: fn.name, url: "/do/bytes?n=1000000" })
    })
    await pause(1500)
    const other = await server.fn({})
    expectOutcome("a call of another client", await call(other), { status: 200 })
    look()
    const grown = (most - before) / MIB
    bench.context.observe(
      `the server grew by ${grown.toFixed(0)} MiB at most while ${(sent / MIB).toFixed(0)} MiB came and 1,600 MiB of ` +
        "answers were asked for and not read; 800 MiB are allowed"
    )
    // What may lie in its bounds at once, and what its runtime has not collected yet.
    check("MiB by which the server grew", { $lte: 800 }, Math.round(grown), new Map(), ["GR-063"])
  }
)
