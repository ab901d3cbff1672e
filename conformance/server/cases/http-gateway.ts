import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { CaseFailure } from "../../model/Case.ts"
import type { Bench } from "../Bench.ts"
import { check, holds, problemOf, refused } from "../check.ts"
import { encodeRequest, HttpConnection } from "../client/HttpClient.ts"
import type { HttpResponse } from "../client/HttpResponse.ts"
import { casesOf } from "../define.ts"
import { type Door, type Echo, type Fn, uniqueName } from "../Door.ts"

const cases = casesOf("http-gateway", ["http"])

/** What cases call at the same time without being in each other's way. */
const ROOMY = { concurrency: 20, max_workers: 2 }
const KEY = "0123456789abcdef0123456789abcdef"

const seen = (response: HttpResponse): Echo => {
  const value = response.json() as Echo | undefined
  if (value?.headers === undefined) {
    throw new CaseFailure("the function was not reached", {
      observed: `${response.status} ${response.text()}`
    })
  }
  return value
}

const get = (door: Door, target: string, more = ""): string =>
  `GET ${target} HTTP/1.1\r\nHost: ${door.url.host}\r\n${more}\r\n`

const connectionOf = async (bench: Bench, door: Door): Promise<HttpConnection> => {
  const connection = await door.tcp()
  bench.after(() => connection.destroy())
  return connection
}

/** The answer to the request that was sent; a connection that was closed instead fails the case. */
const answerOn = async (connection: HttpConnection, method = "GET"): Promise<HttpResponse> => {
  const response = await connection.response(method)
  if (response === null) throw new CaseFailure("the server closed the connection without an answer")
  return response
}

cases.add("keep-alive", "A connection takes one request after the other", ["HG-004"], {}, async (bench) => {
  const fn = await bench.server.sharedFn(ROOMY)
  const connection = await connectionOf(bench, bench.server)
  for (const path of ["/1", "/2", "/3"]) {
    void connection.send(get(bench.server, fn.target(path)))
    const response = await answerOn(connection)
    check("what the function was asked", `http://${bench.server.url.host}${path}`, seen(response).url)
  }
  void connection.send(
    encodeRequest({ method: "POST", target: fn.target("/4"), body: "four" }, bench.server.url.host)
  )
  check("the bytes of a body between two requests", 4, seen(await answerOn(connection)).bytes)
  void connection.send(get(bench.server, "/health"))
  check("the status of the last", 200, (await answerOn(connection)).status)
})

cases.add(
  "list",
  "All functions are listed in the order of their names",
  ["HG-061"],
  {},
  async ({ server }) => {
    const own = [await server.fn(), await server.fn(), await server.fn()].map(({ name }) => name)
    const response = await server.api("GET", "/functions")
    check("the status", 200, response.status)
    const { functions } = response.json() as { readonly functions: ReadonlyArray<{ readonly name: string }> }
    const names = functions.map(({ name }) => name)
    check(
      "the names",
      names.toSorted((a, b) => (a < b ? -1 : 1)),
      names
    )
    for (const name of own) holds(`${name} is in the list`, names.includes(name), names)
  }
)

cases.add(
  "deploy-path",
  "A bundle is deployed by its path",
  ["HG-067"],
  { traits: ["local"] },
  async ({ context, server }) => {
    const path = join(context.folder, "bundle.js")
    await writeFile(path, "export default () => new Response('from a file')")
    const { name } = await server.register({ name: uniqueName(), runtime: server.runtime })
    const deployed = await server.api("POST", `/functions/${String(name)}/deploy`, {
      version: "v1",
      bundle_path: path
    })
    check("the status of the deployment", 200, deployed.status)
    check("the deployment", { version: "v1", status: "deployed" }, deployed.json())
    await rm(path)
    check("the answer", "from a file", (await server.http(`/functions/${String(name)}`)).text())
  }
)

cases.add("large-head", "A head over 65536 bytes is refused", ["HG-088"], {}, async (bench) => {
  const fn = await bench.server.sharedFn(ROOMY)
  const oneLong = get(bench.server, fn.target(), `X-Long: ${"x".repeat(65_600)}\r\n`)
  const many = get(
    bench.server,
    fn.target(),
    Array.from({ length: 3000 }, (_, n) => `X-${n}: ${"y".repeat(20)}\r\n`).join("")
  )
  const target = get(bench.server, fn.target(`/?${"q".repeat(65_600)}`))
  for (const request of [oneLong, many, target]) {
    const connection = await connectionOf(bench, bench.server)
    void connection.send(request)
    const response = await connection.response()
    const status = response?.status ?? 0
    holds("a head that is too large is refused", status === 0 || (status >= 400 && status < 500), status)
  }
})

const STALLED_MS = 30_000

cases.add(
  "stalled-head",
  "A head that is not complete after 30 s ends its connection, however it trickles",
  ["HG-089"],
  { timeoutMs: STALLED_MS + 10_000, waits: true },
  async (bench) => {
    const fn = await bench.server.sharedFn(ROOMY)
    const silent = await connectionOf(bench, bench.server)
    const trickling = await connectionOf(bench, bench.server)
    void silent.send(`GET ${fn.target()} HTTP/1.1\r\nHost: a`)
    void trickling.send(`GET ${fn.target()} HTTP/1.1\r\nX-Trickle: `)
    const timer = setInterval(() => void trickling.send("x"), 500)
    bench.after(() => clearInterval(timer))
    const begun = performance.now()
    await Promise.all([silent.ended(), trickling.ended()])
    // the clock of the server may have begun a moment later than ours
    holds(
      "both are closed within 30 s",
      performance.now() - begun < STALLED_MS + 1000,
      performance.now() - begun
    )
  }
)

cases.add("garbage", "Garbage on one connection harms no other", ["HG-091"], {}, async (bench) => {
  const fn = await bench.server.sharedFn(ROOMY)
  const good = await connectionOf(bench, bench.server)
  void good.send(get(bench.server, fn.target("/do/sleep?ms=150")))
  const garbage = [
    "\0\0\0\0",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "GET / HTTP/9.9\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    `${"A".repeat(20_000)}\r\n\r\n`,
    "GET /functions/ \xff\xfe HTTP/1.1\r\n\xff: \xff\r\n\r\n"
  ]
  for (const bytes of garbage) {
    const bad = await connectionOf(bench, bench.server)
    void bad.send(bytes)
    bad.end()
    await bad.ended()
  }
  check("the status of what was under way", 200, (await answerOn(good)).status)
  void good.send(get(bench.server, fn.target()))
  check("the status of what comes next on that connection", 200, (await answerOn(good)).status)
  check("the status on a new connection", 200, (await bench.server.http("/health")).status)
})

cases.each(
  "client-leaves",
  "The invocation of a client that leaves is cancelled",
  ["GR-054"],
  {},
  async (bench, runtime) => {
    // one place: what comes next is served only when the invocation before it has ended
    const fn = await bench.server.fn({ runtime, concurrency: 1, max_workers: 1, timeout_seconds: 10 })
    await fn.http()
    const leaver = await connectionOf(bench, bench.server)
    void leaver.send(get(bench.server, fn.target("/do/hold?mark=left")))
    await fn.untilShown("the invocation runs", ({ workers }) => workers.busy === 1)
    leaver.destroy()
    const begun = performance.now()
    const next = await fn.http()
    check("the status of the next", 200, next.status)
    holds("it need not wait for the time-out", performance.now() - begun < 6000, performance.now() - begun)
  }
)

cases.add(
  "room-for-bodies",
  "A body for which there is no room is FN_007, and its room comes back",
  ["HG-035", "ER-010", "ER-011"],
  { traits: ["own"] },
  async (bench) => {
    const door = await bench.special({ max_buffered_bytes: 18_000_000 })
    const fn = await door.sharedFn(ROOMY)
    const first = await connectionOf(bench, door)
    await first.send(
      `POST ${fn.target()} HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n${"x".repeat(1000)}`
    )
    const probe = async () => {
      const response = await fn.http("", { method: "POST", body: "x".repeat(9_000_000) })
      return response.status === 200 ? null : response
    }
    const response = await door.until("a body that does not fit beside the other", probe)
    refused("a body that does not fit beside the other", response, 429, "FN_007")
    void first.send("x".repeat(9_999_000))
    check("the first body's bytes", 10_000_000, seen(await answerOn(first)).bytes)
    const again = await fn.http("", { method: "POST", body: "x".repeat(9_000_000) })
    check("the bytes of one that fits again", 9_000_000, seen(again).bytes)
  }
)

cases.add(
  "api-key",
  "The management API of a server with a key is for those who show it; functions are for all",
  ["HG-081", "HG-082", "HG-083", "ER-047"],
  { traits: ["own"] },
  async (bench) => {
    const door = await bench.own({ env: { FUNCTIONS_API_KEY: KEY } })
    const fn = await door.fn(ROOMY)
    const manage = (headers: Readonly<Record<string, string>>, method = "GET", target = "/api/functions") =>
      door.http({ method, target, headers })
    const strangers = [
      {},
      { Authorization: `Bearer ${KEY}x` },
      { Authorization: `Bearer ${KEY.slice(1)}` },
      { Authorization: "Bearer " },
      { Authorization: KEY },
      { Authorization: `Basic ${btoa(`x:${KEY}`)}` }
    ]
    for (const headers of strangers) {
      const response = await manage(headers)
      refused(`with ${JSON.stringify(headers)}`, response, 401, "FN_009")
      check(
        "WWW-Authenticate",
        { $pattern: "^Bearer( |$)" },
        response.header("www-authenticate"),
        new Map(),
        ["HG-081"]
      )
    }
    refused("a function that is not there", await manage({}, "GET", "/api/functions/nobody"), 401, "FN_009")
    refused("a registration", await manage({}, "POST"), 401, "FN_009")
    for (const scheme of ["Bearer", "bearer", "BEARER"]) {
      check(`the status with ${scheme}`, 200, (await manage({ Authorization: `${scheme} ${KEY}` })).status)
    }
    const foreign = await manage({ Authorization: `Bearer ${KEY}`, Host: "shop.example" })
    check("the status with the key and another Host", 200, foreign.status)
    check("the status of a function", 200, (await fn.http()).status)
    check("the status of /health", 200, (await door.http("/health")).status)
    check("the status of /ready", 200, (await door.http("/ready")).status)
  }
)

cases.add(
  "open-address",
  "A server without a key does not start on an address that others reach",
  ["HG-002"],
  { traits: ["own"] },
  async (bench) => {
    for (const host of ["0.0.0.0", "::"]) {
      const process = await bench.launch({ settings: { http_host: host } })
      const { code } = await process.exited
      holds(`it refuses to start on ${host}`, code !== 0, code)
      check("what it says", { $pattern: "[Kk]ey|KEY" }, process.output)
    }
  }
)

cases.add(
  "port-taken",
  "A server whose port is taken does not start, and says so",
  ["HG-003"],
  { traits: ["own"] },
  async (bench) => {
    const process = await bench.launch({ place: { port: Number(bench.server.url.port) } })
    const { code } = await process.exited
    holds("it ends with a status that is not 0", code !== 0 && code !== null, code)
    check("what it says", { $contains: bench.server.url.port }, process.output)
    check("the status of who has the port", 200, (await bench.server.http("/health")).status)
  }
)

/** A request that is under way in a server of the case's own, which is then told to stop. */
const stopping = async (bench: Bench, ms: number, settings = {}) => {
  const door = await bench.own({ settings: { drain_timeout_seconds: 15, ...settings } })
  const fn: Fn = await door.fn({ ...ROOMY, warm_workers: 1 })
  await fn.http()
  const open = await connectionOf(bench, door)
  void open.send("POST /functions/nobody HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
  const busy = await connectionOf(bench, door)
  void busy.send(get(door, fn.target(`/do/sleep?ms=${ms}`)))
  await fn.untilShown("the invocation runs", ({ workers }) => workers.busy === 1)
  const late = await connectionOf(bench, door)
  await late.send("GET /health HTTP/1.1\r\nHo")
  // it has been read once a request that came later is answered
  await door.http("/health")
  door.process.signal("SIGTERM")
  await door.until("the port is closed", async () => {
    const attempt = await HttpConnection.open(door.url, bench.signal, bench.context.transcript).catch(
      () => null
    )
    attempt?.destroy()
    return attempt === null ? true : null
  })
  return { busy, door, fn, late, open }
}

cases.add(
  "stop",
  "A server that was told to stop answers what is under way, and takes nothing new",
  ["HG-092", "HG-093", "HG-094", "ER-045"],
  { traits: ["own"] },
  async (bench) => {
    const { busy, door, late, open } = await stopping(bench, 1500)
    void late.send(`st: ${door.url.host}\r\n\r\n`)
    const response = await late.response()
    if (response !== null) {
      const { code } = refused("a request that comes late", response, 503, "FN_008")
      check("its code", "FN_008", code)
      check("Connection", "close", response.header("connection")?.toLowerCase())
      await late.ended()
    }
    // its head had come: it is under way
    void open.send("x")
    refused("a request whose body still came", await answerOn(open), 404, "FN_001")
    const answer = await answerOn(busy)
    check("the status of what was under way", 200, answer.status)
    check("the exit status", 0, (await door.process.exited).code)
  }
)

cases.add(
  "drain-time",
  "What outlasts the drain time is FN_008",
  ["HG-095", "ER-045"],
  { traits: ["own"] },
  async (bench) => {
    const { busy, door } = await stopping(bench, 20_000, { drain_timeout_seconds: 1 })
    const response = await answerOn(busy)
    refused("an invocation that outlasts the drain time", response, 503, "FN_008")
    holds(
      "its document has an id",
      problemOf(response)["invocation_id"] === response.header("x-invocation-id")
    )
    await door.process.exited
  }
)

export const httpGatewayCases = cases.all
