import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { getFunction, problemOf, serve, until } from "../support/Api.ts"
import { Gate } from "../support/Gate.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** Tells what it saw, or answers as it is asked to. */
const mirror = `
export default async (req) => {
  const url = new URL(req.url)
  const body = new Uint8Array(await req.arrayBuffer())
  switch (url.pathname) {
    case "/echo": return new Response(body, { headers: { "content-type": "application/octet-stream" } })
    case "/cookies": {
      const headers = new Headers()
      headers.append("set-cookie", "a=1; Path=/")
      headers.append("set-cookie", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT")
      return new Response("cookies", { headers })
    }
    case "/status": return new Response(null, { status: Number(url.searchParams.get("code")) })
    case "/redirect": return Response.redirect("https://example.com/there?x=1", 307)
    case "/length": return new Response("x".repeat(1234), { headers: { "x-kind": "long" } })
    case "/wait": {
      const { promise, resolve } = Promise.withResolvers()
      req.signal.addEventListener("abort", () => { globalThis.aborted = (globalThis.aborted ?? 0) + 1; resolve() })
      await promise
      return new Response("aborted")
    }
    case "/aborted": return new Response(String(globalThis.aborted ?? 0))
    default:
      return Response.json({
        method: req.method,
        path: url.pathname,
        search: url.search,
        all: url.searchParams.getAll("a"),
        headers: [...req.headers],
        length: body.length
      })
  }
}`

interface Seen {
  readonly method: string
  readonly path: string
  readonly search: string
  readonly all: ReadonlyArray<string>
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly length: number
}

let server: TestServer
beforeAll(async () => {
  server = await startServer()
  await serve(server, "mirror", mirror)
})
afterAll(async () => {
  await server.dispose()
})

const call = (path: string, init?: RequestInit): Promise<Response> =>
  fetch(`${server.url}/functions/mirror${path}`, { redirect: "manual", ...init })
const seen = async (path: string, init?: RequestInit): Promise<Seen> =>
  (await (await call(path, init)).json()) as Seen

describe("a request reaches the handler exactly", () => {
  it("with every repeated query key, in order, and its escapes untouched", async () => {
    const view = await seen("/deep/a%2Fb?a=1&b=%20&a=2&a=%26")
    expect(view).toMatchObject({ path: "/deep/a%2Fb", search: "?a=1&b=%20&a=2&a=%26", all: ["1", "2", "&"] })
  })

  it("at the root when nothing follows the name", async () => {
    expect((await seen("")).path).toBe("/")
    expect((await seen("?a=x")).all).toEqual(["x"])
  })

  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    it(`as ${method}`, async () => {
      expect((await seen("/x", { method })).method).toBe(method)
    })
  }

  it("with its headers, without those of the hop, and with its invocation id", async () => {
    const response = await call("/x", {
      headers: {
        "X-Custom": "v",
        "X-Invocation-Id": "my-id.1"
      }
    })
    const view = (await response.json()) as Seen
    const headers = new Map(view.headers)
    expect(headers.get("x-custom")).toBe("v")
    expect(headers.get("x-invocation-id")).toBe("my-id.1")
    expect(response.headers.get("x-invocation-id")).toBe("my-id.1")
    expect(headers.has("connection")).toBe(false)
  })

  it("whatever its body and query are (property)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 4096 }),
        fc.array(
          fc.tuple(
            fc.string({ unit: "grapheme", maxLength: 8 }),
            fc.string({ unit: "grapheme", maxLength: 8 })
          ),
          {
            maxLength: 5
          }
        ),
        async (body, pairs) => {
          const search = new URLSearchParams(pairs).toString()
          const echoed = await call(`/echo?${search}`, { method: "POST", body })
          expect(new Uint8Array(await echoed.arrayBuffer())).toEqual(body)
          expect((await seen(`/q?${search}`)).search).toBe(search === "" ? "" : `?${search}`)
        }
      ),
      { numRuns: 40 }
    )
  })
})

describe("an answer reaches the client exactly", () => {
  it("keeps several Set-Cookie headers apart", async () => {
    expect((await call("/cookies")).headers.getSetCookie()).toEqual([
      "a=1; Path=/",
      "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"
    ])
  })

  for (const code of [200, 201, 204, 205, 304, 404, 418, 500, 599]) {
    it(`with status ${code} and no body`, async () => {
      const response = await call(`/status?code=${code}`)
      expect([response.status, await response.text()]).toEqual([code, ""])
    })
  }

  it("passes a redirect on instead of following it", async () => {
    const response = await call("/redirect")
    expect([response.status, response.headers.get("location")]).toEqual([
      307,
      "https://example.com/there?x=1"
    ])
  })

  it("to HEAD without its body, with the headers of GET", async () => {
    const response = await call("/length", { method: "HEAD" })
    expect([response.status, response.headers.get("content-length"), response.headers.get("x-kind")]).toEqual(
      [200, "1234", "long"]
    )
    expect(await response.text()).toBe("")
  })

  it("with 10 MB in and 10 MB out", async () => {
    const body = crypto.getRandomValues(new Uint8Array(65_536))
    const big = new Uint8Array(10 * 1024 * 1024)
    for (let at = 0; at < big.length; at += body.length) big.set(body, at)
    const response = await call("/echo", { method: "POST", body: big })
    expect(response.status).toBe(200)
    expect(Bun.hash(await response.arrayBuffer())).toBe(Bun.hash(big))
  })

  it("refuses one byte more than the limit with 413, and serves on", async () => {
    const response = await call("/echo", { method: "POST", body: new Uint8Array(10 * 1024 * 1024 + 1) })
    expect([response.status, (await problemOf(response)).code]).toEqual([413, "FN_006"])
    expect((await call("/x")).status).toBe(200)
  })
})

describe("a client that goes away (R-10)", () => {
  it("aborts the handler's signal, and the worker serves on", async () => {
    await serve(server, "only-one", mirror, { max_workers: 1 })
    const call = (path: string, init?: RequestInit) => fetch(`${server.url}/functions/only-one${path}`, init)
    const aborter = new AbortController()
    const gone = call("/wait", { signal: aborter.signal }).catch((cause: unknown) => cause)
    await until(
      () => getFunction(server, "only-one"),
      (view) => view.workers.busy === 1
    )
    aborter.abort()
    expect(await gone).toBeInstanceOf(Error)
    const count = await until(
      async () => await (await call("/aborted")).text(),
      (text) => text === "1"
    )
    expect(count).toBe("1")
  })
})

describe("many at once", () => {
  it("answers 200 concurrent calls of one function, each with its own answer, on at most 10 workers", async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => (await seen(`/n?a=${i}`)).all[0])
    )
    expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => String(i)))
    const { workers } = await getFunction(server, "mirror")
    expect(workers.warm + workers.idle + workers.busy + workers.starting).toBeLessThanOrEqual(10)
  })

  it("multiplexes one worker when the function allows it (S-10)", async () => {
    await using gate = new Gate()
    await serve(server, "gated", gate.handler("ok"), { concurrency: 1000, max_workers: 1 })
    const calls = Array.from(
      { length: 200 },
      async () => (await fetch(`${server.url}/functions/gated`)).status
    )
    // All of them are in their handlers at the same time.
    await gate.arrived(200)
    gate.open()
    expect(new Set(await Promise.all(calls))).toEqual(new Set([200]))
    const { workers } = await getFunction(server, "gated")
    expect(workers.warm + workers.idle + workers.busy).toBe(1)
  })

  it("refuses what does not fit the queue at once, with Retry-After (FN_007)", async () => {
    await using gate = new Gate()
    const small = await startServer({ flags: ["--max-queue-length", "2", "--max-workers", "1"] })
    try {
      await serve(small, "waits", gate.handler("ok"))
      const calls = Array.from({ length: 8 }, () => fetch(`${small.url}/functions/waits`))
      let answered = 0
      for (const call of calls) void call.then(() => (answered += 1))
      // One runs and two wait: nobody else is let in, and nobody is answered before the gate opens.
      await until(
        async () => answered,
        (count) => count === 5
      )
      gate.open()
      const responses = await Promise.all(calls)
      const refused = responses.filter((response) => response.status === 429)
      expect(responses.filter((response) => response.status === 200).length).toBe(3)
      expect(refused.length).toBe(5)
      for (const response of refused) {
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1)
        expect(response.headers.get("x-function-error")).toBe("FN_007")
      }
    } finally {
      await small.dispose()
    }
  })

  it("ends idle workers after their time-out, and starts again on demand", async () => {
    await serve(server, "resting", `export default () => new Response("up")`, { idle_timeout_seconds: 0.2 })
    expect(await (await fetch(`${server.url}/functions/resting`)).text()).toBe("up")
    await until(
      () => getFunction(server, "resting"),
      ({ state, workers }) => state === "DEPLOYED" && workers.idle + workers.warm + workers.draining === 0
    )
    expect(await (await fetch(`${server.url}/functions/resting`)).text()).toBe("up")
  })
})
