import { METHODS } from "node:http"
import { describe, expect, it } from "vitest"
import { MemoryLimitExceeded } from "../../src/domain/Errors.ts"
import { answer, mirror, startGateway, testTarget } from "../support/GatewayUnderTest.ts"
import { exchange, RawConnection } from "../support/RawHttp.ts"

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe("the target", () => {
  it.each([
    ["/functions/hello", "/", "/"],
    ["/functions/hello/", "/", "/"],
    ["/functions/hello/a%2Fb?a=1&a=2", "/a%2Fb", "/a%2Fb?a=1&a=2"],
    ["/functions/hello?next=/x", "/", "/?next=/x"],
    ["/functions/hello?", "/", "/?"],
    ["/functions/hello//x//", "//x//", "//x//"],
    [
      "/functions/hello/%00%ff%zz+%20;=@:!$&'()*,",
      "/%00%ff%zz+%20;=@:!$&'()*,",
      "/%00%ff%zz+%20;=@:!$&'()*,"
    ],
    // As the URL standard prescribes, for all clients and handlers alike:
    ["/functions/other/../hello/./a", "/a", "/a"],
    ["/functions/hello/a/%2e%2e/b", "/b", "/b"],
    ['/functions/hello/"<>?"<>', "/%22%3C%3E", "/%22%3C%3E?%22%3C%3E"]
  ])("%s", async (target, path, url) => {
    await using gateway = await startGateway({ script: mirror })
    const response = await exchange(gateway.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(response.status).toBe(200)
    expect(JSON.parse(response.body.toString())).toMatchObject({ path, url })
  })

  it("an id leads to the function as its name does", async () => {
    await using gateway = await startGateway({ script: mirror })
    expect((await gateway.fetch("/functions/func-0000000000000001/x")).status).toBe(200)
  })

  it.each([
    "/functions/unknown",
    "/functions/Hello",
    "/functions/hello%20",
    "/functions/%68ello",
    "/functions/-hello",
    "/functions/hello.js",
    "/functions/__proto__",
    "/functions//hello",
    `/functions/${"x".repeat(64)}`,
    `/functions/${"x".repeat(10_000)}`
  ])("%s is not a function (FN_001)", async (path) => {
    await using gateway = await startGateway({ script: mirror })
    const response = await gateway.fetch(path)
    expect(response.status).toBe(404)
    expect(response.headers.get("x-function-error")).toBe("FN_001")
    const problem = await response.text()
    expect(problem.length).toBeLessThan(600)
    expect(gateway.submissions).toHaveLength(0)
  })

  it("a registered function without a version says so", async () => {
    await using gateway = await startGateway()
    const { functionId, name } = testTarget("fresh", { functionId: testTarget("x").functionId })
    gateway.router.withdraw(functionId)
    gateway.router.announce(functionId, name)
    const problem = await (await gateway.fetch("/functions/fresh")).json()
    expect(problem).toMatchObject({
      code: "FN_001",
      status: 404,
      detail: expect.stringContaining("no version")
    })
  })

  it("a deploy that happens while the body comes in gets the call", async () => {
    await using gateway = await startGateway({ script: mirror })
    const connection = await RawConnection.open(gateway.port)
    connection.write("POST /functions/hello HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    // Its answer shows that the server has seen the first request as well.
    await gateway.fetch("/health")
    const next = testTarget("hello", { version: "v2" as never })
    gateway.router.publish(next)
    await connection.write("def").response()
    expect(gateway.submissions.map(({ target }) => target.version)).toStrictEqual(["v2"])
    connection.destroy()
  })
})

describe("the method", () => {
  it.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "PROPFIND", "QUERY"])(
    "%s",
    async (method) => {
      await using gateway = await startGateway({ script: mirror })
      const response = await exchange(gateway.port, `${method} /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n`)
      expect(JSON.parse(response.body.toString())).toMatchObject({ method, body: null })
    }
  )

  it.each([
    "TRACE /functions/hello",
    "CONNECT /functions/hello",
    "CONNECT hello:443",
    "CONNECT http.example:443"
  ])("%s is for hops on the way: 405", async (line) => {
    await using gateway = await startGateway({ script: mirror })
    const response = await exchange(gateway.port, `${line} HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect(response.status).toBe(405)
    expect(response.header("allow")).toMatch(/^GET, HEAD, POST, /)
    expect(gateway.submissions).toHaveLength(0)
  })

  it("is one of those in Allow, and each of those reaches the function", async () => {
    await using gateway = await startGateway({ script: mirror })
    const refused = await exchange(gateway.port, "TRACE /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n")
    const allowed = (refused.header("allow") ?? "").split(", ")
    // What the HTTP server's parser knows: everything else it refuses itself.
    expect(allowed.toSorted()).toEqual(
      METHODS.filter((method) => method !== "TRACE" && method !== "CONNECT").toSorted()
    )
    for (const method of allowed) {
      const line = `${method} /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n`
      expect((await exchange(gateway.port, line, method === "HEAD")).status).toBe(200)
    }
    expect(gateway.submissions.map(({ invocation }) => invocation.method)).toEqual(allowed)
  })

  it.each(["BREW", "get", "G E T"])("%s is none: the HTTP server hangs up", async (method) => {
    await using gateway = await startGateway({ script: mirror })
    const connection = await RawConnection.open(gateway.port)
    connection.write(`${method} /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n`)
    await connection.closed
    expect(gateway.submissions).toHaveLength(0)
  })
})

describe("request headers", () => {
  const received = async (...lines: ReadonlyArray<string>): Promise<Record<string, unknown>> => {
    await using gateway = await startGateway({ script: mirror })
    const response = await exchange(
      gateway.port,
      `GET /functions/hello HTTP/1.1\r\nHost: example.com:81\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`
    )
    return JSON.parse(response.body.toString()).headers
  }

  it("come with lower-case names and their values as sent, host included", async () => {
    expect(await received("X-CusTom:  a  b\t", "Empty:", "2: numeric", "__proto__: safe")).toStrictEqual(
      JSON.parse('{"host":"example.com:81","x-custom":"a  b","empty":"","2":"numeric","__proto__":"safe"}')
    )
  })

  // Bun's Headers joins what occurs twice, as fetch prescribes; Set-Cookie alone cannot be joined.
  it("that repeat are joined, cookies by '; ', and Set-Cookie is an array", async () => {
    expect(
      await received("X-A: 1", "X-A: 2", "Cookie: a=1", "Cookie: b=2", "Set-Cookie: c", "Set-Cookie: d")
    ).toStrictEqual({ host: "example.com:81", "x-a": "1, 2", cookie: "a=1; b=2", "set-cookie": ["c", "d"] })
  })

  it("for this hop only do not reach the handler", async () => {
    expect(
      await received(
        "Connection: keep-alive, X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Upgrade: websocket",
        "Proxy-Authorization: Basic x",
        "Proxy-Connection: keep-alive",
        "Trailer: x-sum",
        "X-End: 2"
      )
    ).toStrictEqual({ host: "example.com:81", "x-end": "2" })
  })

  it("traceparent is handed on as the trace too", async () => {
    await using gateway = await startGateway({ script: mirror })
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    const seen = await (await gateway.fetch("/functions/hello", { headers: { traceparent } })).json()
    expect(seen).toMatchObject({ trace: traceparent, headers: { traceparent } })
  })
})

describe("X-Invocation-Id", () => {
  it.each(["a", "my-id_1.2:3", "x".repeat(128)])("'%s' is taken over", async (id) => {
    await using gateway = await startGateway({ script: mirror })
    const response = await gateway.fetch("/functions/hello", { headers: { "x-invocation-id": id } })
    expect(response.headers.get("x-invocation-id")).toBe(id)
    expect(await response.json()).toMatchObject({ id, headers: { "x-invocation-id": id } })
  })

  it.each(["", "-x", "a b", "a,b", "x".repeat(129), "<script>", "é"])(
    "'%s' is replaced, for all to see",
    async (id) => {
      await using gateway = await startGateway({ script: mirror })
      const response = await gateway.fetch("/functions/hello", { headers: { "x-invocation-id": id } })
      const made = response.headers.get("x-invocation-id")
      expect(made).toMatch(uuid7)
      expect(await response.json()).toMatchObject({ id: made, headers: { "x-invocation-id": made } })
    }
  )

  it("is made where there is none, and returned also on errors", async () => {
    await using gateway = await startGateway({
      script: ({ settle }) => settle({ _tag: "Failure", error: new MemoryLimitExceeded({ limitMb: 64 }) })
    })
    for (const path of ["/functions/hello", "/functions/unknown"]) {
      const response = await gateway.fetch(path)
      const id = response.headers.get("x-invocation-id")
      expect(id).toMatch(uuid7)
      expect(await response.json()).toMatchObject({ invocation_id: id })
    }
  })
})

describe("a client that goes away (R-10)", () => {
  it.each(["destroy", "end"] as const)("cancels its invocation (%s)", async (how) => {
    await using gateway = await startGateway()
    const connection = await RawConnection.open(gateway.port)
    connection.write("GET /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n")
    const { cancelled } = await gateway.submitted()
    connection[how]()
    await cancelled
  })

  it("cancels it also after a body, and while others go on", async () => {
    await using gateway = await startGateway()
    const leaving = new AbortController()
    const left = gateway
      .fetch("/functions/hello", { method: "POST", body: "x", signal: leaving.signal })
      .catch((error: unknown) => error)
    const first = await gateway.submitted()
    const staying = gateway.fetch("/functions/hello", { method: "POST", body: "y" })
    const second = await gateway.submitted()
    leaving.abort()
    await first.cancelled
    expect(await left).toBeInstanceOf(Error)
    second.settle(answer({ body: "still here" }))
    expect(await (await staying).text()).toBe("still here")
  })

  it("an outcome that comes too late harms nobody", async () => {
    await using gateway = await startGateway({ timeoutSeconds: 900 })
    const connection = await RawConnection.open(gateway.port)
    connection.write("GET /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n")
    const { cancelled, settle } = await gateway.submitted()
    connection.destroy()
    await cancelled
    settle(answer({ body: "late" }))
    expect((await gateway.fetch("/health")).status).toBe(200)
    expect(gateway.logged).toHaveLength(0)
  })

  it("in the middle of its body: nothing is submitted, nothing is logged", async () => {
    await using gateway = await startGateway({ script: mirror })
    for (const head of ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]) {
      const connection = await RawConnection.open(gateway.port)
      connection.write(`POST /functions/hello HTTP/1.1\r\nHost: a\r\n${head}`)
      await gateway.fetch("/health")
      connection.destroy()
      await connection.closed
    }
    expect((await gateway.fetch("/functions/hello")).status).toBe(200)
    expect(gateway.submissions).toHaveLength(1)
    expect(gateway.logged).toHaveLength(0)
  })
})

describe("many at once", () => {
  it("500 open invocations are answered each with its own", async () => {
    await using gateway = await startGateway()
    const calls = Array.from({ length: 500 }, async (_, index) => {
      const body = `body ${index}`
      const response = await exchange(
        gateway.port,
        `POST /functions/hello/${index} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      )
      return response.body.toString()
    })
    const open = []
    for (const _ of calls) open.push(await gateway.submitted())
    // All of them wait at once; they are answered in the opposite order.
    for (const { invocation, settle } of open.toReversed()) {
      settle(answer({ body: `${invocation.path} ${Buffer.from(invocation.body ?? []).toString()}` }))
    }
    expect(await Promise.all(calls)).toStrictEqual(calls.map((_, index) => `/${index} body ${index}`))
  })
})
