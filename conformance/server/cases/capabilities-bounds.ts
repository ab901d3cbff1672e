// Bounds of fetches: bodies, how many, how long (CP-025 to CP-027).
import { confined, fetching, profile, REACHED } from "../capabilities/fetching.ts"
import { check, holds } from "../check.ts"
import { encodeRequest } from "../client/HttpClient.ts"
import { casesOf } from "../define.ts"
import { type Door, type Fn, until } from "../Door.ts"
import { call, expectOutcome } from "../guarantees/calls.ts"
import { Upstream } from "../Upstream.ts"

const { add, all: boundCases } = casesOf("capabilities", ["quickjs-ng", "http", "local"])
export { boundCases }

const LIMIT = 65_536

/** Fetches what its request says, and tells how long the body was. */
const MEASURES = `export default async (request) => {
  const { url, bytes } = await request.json()
  try {
    const init = bytes === undefined ? {} : { method: "POST", body: new Uint8Array(bytes) }
    const response = await fetch(url, init)
    const { byteLength } = await response.arrayBuffer()
    return Response.json({ length: byteLength })
  } catch (error) {
    return Response.json({ type: error instanceof TypeError, code: error.code ?? null })
  }
}`

const permissiveFn = (door: Door, source: string, settings: Readonly<Record<string, unknown>> = {}) =>
  door.fn({
    runtime: "quickjs-ng",
    capabilities: profile("permissive"),
    source,
    concurrency: 10,
    max_workers: 1,
    ...settings
  })

const post = (fn: Fn, body: unknown) =>
  fn.http("/", { method: "POST", body: JSON.stringify(body) }).then((response) => {
    check("the status of a function that fetches", 200, response.status)
    return response.json()
  })

add(
  "bodies",
  "Bodies of requests and responses may have max_response_bytes, and not one byte more",
  ["CP-025"],
  { traits: ["own"], timeoutMs: 40_000 },
  async (bench) => {
    const door = await bench.special({ max_response_bytes: LIMIT })
    const upstream = await Upstream.start(bench)
    const fn = await permissiveFn(door, MEASURES)
    const rejected = { type: true, code: { $not: "PERMISSION_DENIED" } }
    for (const how of ["", "&chunked", "&gzip"]) {
      const url = (n: number) => upstream.url(`/bytes?n=${n}${how}`)
      const name = `a response ${how}`
      check(`${name} of the limit`, { length: LIMIT }, await post(fn, { url: url(LIMIT) }))
      check(`${name} of a byte more`, rejected, await post(fn, { url: url(LIMIT + 1) }))
      check(`${name} of much more`, rejected, await post(fn, { url: url(20 * LIMIT) }))
    }
    const length = "reached".length
    check("a request of the limit", { length }, await post(fn, { url: upstream.url(), bytes: LIMIT }))
    check("what arrived", { method: "POST", bytes: LIMIT }, upstream.reached.at(-1))
    check("a request of a byte more", rejected, await post(fn, { url: upstream.url(), bytes: LIMIT + 1 }))
    check("a fetch afterwards", { length }, await post(fn, { url: upstream.url() }))
  }
)

/** Begins many fetches; answers with the first that is decided, or with how all of them ended. */
const BEGINS = `export default async (request) => {
  const { url, many, first } = await request.json()
  const all = Array.from({ length: many }, () =>
    fetch(url).then((response) => response.text()).then(
      () => "fetched",
      (error) => error instanceof TypeError ? "TypeError" : String(error)
    )
  )
  return Response.json(first === true ? [await Promise.race(all)] : await Promise.all(all))
}`

add(
  "under-way",
  "An invocation has at most 32 fetches under way: the 33rd rejects at once, and takes nothing from other invocations",
  ["CP-026"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const fn = await permissiveFn(bench.server, BEGINS, { timeout_seconds: 15 })
    const url = upstream.url("/hold/many")
    // nobody is answered: what is decided was decided at once
    check("the 33rd", ["TypeError"], await post(fn, { url, many: 33, first: true }))
    await upstream.untilWaiting("many", 32)
    check("fetches that are under way", 32, upstream.waiting("many"))
    const other = post(fn, { url, many: 32 })
    other.catch(() => {})
    await upstream.untilWaiting("many", 64)
    upstream.open("many")
    const fetched = Array.from({ length: 32 }, () => "fetched")
    check("32 of another invocation", fetched, await other)
    check("32 that are answered", fetched, await post(fn, { url, many: 32 }))
    check("requests", 96, upstream.reached.length)
  }
)

/** That the only request at this gate is given up. */
const isGivenUp = (upstream: Upstream, gate: string, signal: AbortSignal): Promise<true> =>
  until(
    `the fetch at the gate ${gate} is given up (CP-027)`,
    () => (upstream.left(gate) === 1 && upstream.waiting(gate) === 0 ? true : null),
    signal,
    8_000
  )

add(
  "deadline",
  "A fetch ends with its invocation's deadline, FN_002, and takes none of another invocation with it",
  ["CP-027"],
  { traits: ["socket"], timeoutMs: 30_000 },
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const fn = await confined(bench, profile("permissive"), { max_workers: 1, timeout_seconds: 20 })
    const body = (gate: string) =>
      Buffer.from(JSON.stringify({ url: upstream.url(`/hold/${gate}`) })).toString("base64")
    const invoke = (gate: string, more: object = {}) =>
      fn.invoke({ method: "POST", path: "/do/fetch", body: body(gate), ...more })
    const long = invoke("long")
    long.catch(() => {})
    await upstream.untilWaiting("long")
    const { payload } = await invoke("short", { deadline_ms: 400 })
    check("the invocation whose fetch outlasts it", { success: false, code: "FN_002" }, payload)
    await isGivenUp(upstream, "short", bench.signal)
    holds("another invocation's fetch was given up", upstream.waiting("long") === 1)
    upstream.open("long")
    const answer = (await long).payload
    check("the other", { success: true, body: { $json: { status: 200, text: "open" } } }, answer)
  }
)

add(
  "cancelled",
  "The fetches of an invocation whose client went away are given up",
  ["CP-027"],
  { traits: ["socket"] },
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const fn = await confined(bench, profile("permissive"), { max_workers: 1, timeout_seconds: 20 })
    const body = (gate: string) => JSON.stringify({ url: upstream.url(`/hold/${gate}`) })
    const connection = await fn.door.tcp()
    const request = { method: "POST", target: fn.target("/do/fetch"), body: body("http") }
    await connection.send(encodeRequest(request, fn.door.url.host))
    await upstream.untilWaiting("http")
    connection.destroy()
    await isGivenUp(upstream, "http", bench.signal)
    const client = await fn.door.connect()
    client.post("INVOKE", {
      function_id: fn.name,
      method: "POST",
      path: "/do/fetch",
      body: Buffer.from(body("socket")).toString("base64")
    })
    await upstream.untilWaiting("socket")
    client.destroy()
    await isGivenUp(upstream, "socket", bench.signal)
    check("the function afterwards", REACHED, await fetching(fn, upstream.url()))
  }
)

add(
  "after-the-answer",
  "A fetch that goes on after its invocation's answer has the time of the invocation",
  ["CP-027"],
  {},
  async (bench) => {
    const upstream = await Upstream.start(bench)
    const source = `export default async (request) => {
      fetch((await request.json()).url).catch(() => {})
      return new Response("answered")
    }`
    const fn = await permissiveFn(bench.server, source, { timeout_seconds: 1 })
    const body = JSON.stringify({ url: upstream.url("/hold/later") })
    check("the answer", "answered", (await fn.http("/", { method: "POST", body })).text())
    await upstream.untilWaiting("later")
    await isGivenUp(upstream, "later", bench.signal)
    const quick = await call(await confined(bench, profile("permissive")), "/do/who")
    expectOutcome("another function", quick, { status: 200 })
  }
)
