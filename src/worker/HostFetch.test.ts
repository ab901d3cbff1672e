import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Capabilities, profileCapabilities } from "../domain/Capabilities.ts"
import type { FetchRequest } from "../protocol/worker/Wire.ts"
import { fetchRefusal } from "./FetchAllowance.ts"
import { fetchBudget, type FetchRules, hostFetch } from "./HostFetch.ts"

const KiB = 1024
const custom = (...domains: ReadonlyArray<string>): Capabilities => ({
  ...profileCapabilities.custom,
  domains
})
const rules = (capabilities: Capabilities, more: Partial<FetchRules> = {}): FetchRules => ({
  capabilities,
  maxBodyBytes: 64 * KiB,
  budget: fetchBudget(1024 * KiB),
  ...more
})

/** What the other side was sent, by path. */
const seen: Array<{ path: string; method: string; headers: Record<string, string>; body: string }> = []
let server: Bun.Server<undefined>
let origin = ""
beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const url = new URL(request.url)
      const body = await request.text()
      seen.push({
        path: url.pathname,
        method: request.method,
        headers: Object.fromEntries(request.headers),
        body
      })
      const to = url.searchParams.get("to")
      if (to !== null) {
        const status = Number(url.searchParams.get("status") ?? 302)
        return new Response("elsewhere", { status, headers: { location: to } })
      }
      switch (url.pathname) {
        case "/cookies": {
          const headers = new Headers({ "x-one": "1" })
          headers.append("set-cookie", "a=1")
          headers.append("set-cookie", "b=2")
          return new Response(null, { status: 204, headers })
        }
        case "/zipped":
          return new Response(Bun.gzipSync("plain ".repeat(100)), {
            headers: { "content-encoding": "gzip", "content-type": "text/plain" }
          })
        case "/large":
          return new Response("x".repeat(64 * KiB + 1))
        case "/endless":
          return new Response(
            new ReadableStream({
              pull: (controller) => {
                controller.enqueue(new Uint8Array(16 * KiB))
              }
            })
          )
        case "/never":
          return await new Promise<Response>(() => {})
        default:
          return new Response(`${request.method} ${url.pathname}${url.search} ${body}`, {
            headers: { "content-type": "text/plain" }
          })
      }
    }
  })
  origin = server.url.origin
})
afterAll(() => server.stop(true))

const request = (path: string, more: Partial<FetchRequest> = {}): FetchRequest => ({
  url: path.startsWith("/") ? origin + path : path,
  method: "GET",
  headers: {},
  body: "",
  redirect: "follow",
  ...more
})
const all = rules(profileCapabilities.permissive)
const run = (what: FetchRequest, by: FetchRules = all, signal = new AbortController().signal) =>
  hostFetch(what, by, signal)
const message = async (...args: Parameters<typeof run>): Promise<string> => {
  const result = await run(...args)
  return result.ok ? `${result.response.status}` : `${result.error.name}: ${result.error.message}`
}
const last = () => seen.at(-1)

describe("hostFetch", () => {
  it("sends method, headers and body, and brings back status, headers and body", async () => {
    const body = Buffer.from("hé\0").toString("base64")
    const result = await run(
      request("/echo?a=1&a=2", { method: "PUT", body, headers: { "x-a": ["1", "2"] } })
    )
    expect(result).toMatchObject({
      ok: true,
      response: {
        status: 200,
        status_text: "OK",
        url: `${origin}/echo?a=1&a=2`,
        redirected: false,
        headers: { "content-type": "text/plain" }
      }
    })
    expect(result.ok && Buffer.from(result.response.body, "base64").toString()).toBe("PUT /echo?a=1&a=2 hé\0")
    expect(last()?.headers["x-a"]).toBe("1, 2")
  })

  it("keeps every cookie, and bodies that were compressed arrive as they were meant", async () => {
    expect(await run(request("/cookies"))).toMatchObject({
      response: { status: 204, headers: { "set-cookie": ["a=1", "b=2"], "x-one": "1" }, body: "" }
    })
    const zipped = await run(request("/zipped"))
    expect(zipped.ok && Buffer.from(zipped.response.body, "base64").toString()).toBe("plain ".repeat(100))
    expect(zipped.ok && Object.keys(zipped.response.headers)).not.toContain("content-encoding")
    expect(zipped.ok && Object.keys(zipped.response.headers)).not.toContain("content-length")
  })

  it("speaks for the connection itself", async () => {
    await run(request("/echo", { headers: { host: "elsewhere", connection: "close", te: "x", "x-b": "1" } }))
    expect(last()?.headers).toMatchObject({ host: new URL(origin).host, "x-b": "1" })
    expect(last()?.headers["te"]).toBeUndefined()
    expect(last()?.headers["x-bunbase-fetch"]).toBe("1")
  })

  it("marks what it asks for, at every redirect, whatever the function says", async () => {
    const to = encodeURIComponent(`${origin}/echo`)
    await run(request(`/redirect?status=307&to=${to}`, { headers: { "x-bunbase-fetch": "mine" } }))
    expect(
      seen.slice(-2).map(({ path, headers }) => [path.split("?")[0], headers["x-bunbase-fetch"]])
    ).toEqual([
      ["/redirect", "1"],
      ["/echo", "1"]
    ])
  })

  it("takes no URL but http and https, and no method that is the connection's own", async () => {
    expect(await message(request("file:///etc/passwd"))).toBe("TypeError: fetch does not take file: URLs")
    expect(await message(request("data:,x"))).toContain("data: URLs")
    expect(await message(request("not a url"))).toContain("not valid")
    for (const method of ["CONNECT", "trace", "TRACK"]) {
      expect(await message(request("/echo", { method }))).toContain("not allowed")
    }
    expect(await message(request("/echo", { headers: { "bad name": "x" } }))).toContain("header")
  })

  it("says that nobody answers, as an error that fetch rejects with", async () => {
    const free = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() })
    const url = free.url.href
    await free.stop(true)
    expect(await message(request(url))).toMatch(/^TypeError: fetch from 127\.0\.0\.1:\d+ failed: /)
  })

  it("has bounds for bodies both ways, also where the other side never ends", async () => {
    const body = Buffer.alloc(64 * KiB + 1).toString("base64")
    expect(await message(request("/echo", { method: "POST", body }))).toContain("larger than 65536 bytes")
    expect(await message(request("/large"))).toBe("TypeError: the response is larger than 65536 bytes")
    expect(await message(request("/endless"))).toBe("TypeError: the response is larger than 65536 bytes")
  })

  it("holds no more than the server's budget, and gives back what it held", async () => {
    const budget = fetchBudget(100)
    const tight = rules(profileCapabilities.permissive, { budget })
    expect(await message(request("/zipped"), tight)).toContain("too many fetched bytes")
    for (let i = 0; i < 20; i += 1) expect(await message(request("/echo"), tight)).toBe("200")
    expect(budget.take(100)).toBe(true)
  })

  it("ends with its signal", async () => {
    const abort = new AbortController()
    const before = seen.length
    const running = run(request("/never"), all, abort.signal)
    while (seen.length === before) await Bun.sleep(1)
    abort.abort(new DOMException("time is over", "TimeoutError"))
    await expect(running).rejects.toMatchObject({ name: "TimeoutError", message: "time is over" })
  })
})

describe("redirects", () => {
  it("are followed, handed over, or forbidden, as the request says", async () => {
    const path = "/?to=/there"
    expect(await run(request(path))).toMatchObject({
      response: { status: 200, redirected: true, url: `${origin}/there` }
    })
    expect(await run(request(path, { redirect: "manual" }))).toMatchObject({
      response: { status: 302, redirected: false, headers: { location: "/there" } }
    })
    expect(await message(request(path, { redirect: "error" }))).toContain("redirects")
  })

  it("change method and body as the standard says", async () => {
    const post = {
      method: "POST",
      body: Buffer.from("b").toString("base64"),
      headers: { "content-type": "a/b" }
    }
    for (const [status, method, body, type] of [
      [301, "GET", "", undefined],
      [302, "GET", "", undefined],
      [303, "GET", "", undefined],
      [307, "POST", "b", "a/b"],
      [308, "POST", "b", "a/b"]
    ] as const) {
      await run(request(`/?status=${status}&to=/there`, post))
      expect(last()).toMatchObject({ method, body })
      expect(last()?.headers["content-type"]).toBe(type)
    }
    await run(request("/?status=303&to=/there", { method: "HEAD" }))
    expect(last()?.method).toBe("HEAD")
  })

  it("do not carry secrets to another origin", async () => {
    const headers = { authorization: "Bearer x", cookie: "s=1", "x-c": "1" }
    const other = origin.replace("127.0.0.1", "localhost")
    await run(request("/?to=/there", { headers }))
    expect(last()?.headers).toMatchObject(headers)
    await run(request(`/?to=${encodeURIComponent(`${other}/there`)}`, { headers }))
    expect(last()?.headers).toMatchObject({ "x-c": "1" })
    expect(last()?.headers["authorization"]).toBeUndefined()
    expect(last()?.headers["cookie"]).toBeUndefined()
  })

  it("end after twenty", async () => {
    const before = seen.length
    expect(await message(request(`/?to=${encodeURIComponent(`${origin}/?to=/`)}`))).toBe("200")
    expect(seen.length - before).toBe(3)
    const loop = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response(null, { status: 302, headers: { location: "/" } })
    })
    expect(await message(request(loop.url.href))).toContain("more than 20 redirects")
    await loop.stop(true)
  })

  it("lead nowhere that the first request could not have gone", async () => {
    const here = rules(custom("127.0.0.1"))
    expect(await message(request("/echo"), here)).toBe("200")
    const other = origin.replace("127.0.0.1", "localhost")
    const result = await run(request(`/?to=${encodeURIComponent(other)}`), here)
    expect(result).toMatchObject({ ok: false, error: { code: "PERMISSION_DENIED" } })
    expect(await message(request("/?to=file:///etc/passwd"), all)).toContain("file: URLs")
  })
})

describe("where a function may fetch from", () => {
  const may = (capabilities: Capabilities, url: string) => fetchRefusal(capabilities, new URL(url)) === null

  it("is nowhere with strict, anywhere with permissive, and its domains with custom", () => {
    expect(may(profileCapabilities.strict, "https://example.com/")).toBe(false)
    expect(may({ ...custom("example.com"), profile: "strict" }, "https://example.com/")).toBe(false)
    expect(may(profileCapabilities.permissive, "https://example.com/")).toBe(true)
    const some = custom("api.example.com", "*.example.org")
    for (const [url, allowed] of [
      ["https://api.example.com/x", true],
      ["http://API.Example.com.:8443/x", true],
      ["https://api.example.com@evil.test/", false],
      ["https://example.com/", false],
      ["https://api.example.com.evil.test/", false],
      ["https://notapi.example.com/", false],
      ["https://a.example.org/", true],
      ["https://a.b.example.org/", true],
      ["https://example.org/", false],
      ["https://evilexample.org/", false],
      ["https://[::1]/", false]
    ] as const) {
      expect([url, may(some, url)]).toEqual([url, allowed])
    }
  })

  it("has a refusal that names the host", async () => {
    expect(await run(request("/echo"), rules(profileCapabilities.strict))).toEqual({
      ok: false,
      error: {
        name: "PermissionDenied",
        code: "PERMISSION_DENIED",
        message: "fetch from 127.0.0.1 is not allowed: the function's profile is strict, which has no network"
      }
    })
  })

  it("never covers a host that is neither the domain nor below it", () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?$/)
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => `${labels.join(".")}.test`)
    fc.assert(
      fc.property(name, name, fc.boolean(), (domain, host, wild) => {
        const allowed = may(custom(wild ? `*.${domain}` : domain), `https://${host}/`)
        const parts = host.split(".")
        const own = domain.split(".")
        const below = parts.length > own.length && parts.slice(-own.length).join(".") === domain
        expect(allowed).toBe(wild ? below : host === domain)
      })
    )
  })
})
