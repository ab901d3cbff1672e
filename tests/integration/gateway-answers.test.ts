import { describe, expect, it } from "vitest"
import {
  ColdStartTimeout,
  ExecutionTimeout,
  HandlerFailed,
  type InvocationError,
  LimitExceeded,
  MemoryLimitExceeded,
  PermissionDenied,
  ServiceStopping,
  WorkerCrashed
} from "../../src/domain/Errors.ts"
import { answer, type Script, startGateway } from "../support/GatewayUnderTest.ts"
import { exchange, RawConnection } from "../support/RawHttp.ts"

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const replying =
  (result: Parameters<typeof answer>[0]): Script =>
  ({ settle }) =>
    settle(answer(result))

const failing =
  (error: InvocationError): Script =>
  ({ settle }) =>
    settle({ _tag: "Failure", error })

describe("the answer", () => {
  const raw = async (result: Parameters<typeof answer>[0], method = "GET") => {
    await using gateway = await startGateway({ script: replying(result) })
    return await exchange(
      gateway.port,
      `${method} /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n`,
      method === "HEAD"
    )
  }

  it("has the handler's status, headers and bytes", async () => {
    const body = Uint8Array.from({ length: 256 }, (_, index) => index)
    const response = await raw({
      status: 418,
      headers: { "content-type": "x/y; z", "x-a": "é", etag: '"1"' },
      body
    })
    expect(response.status).toBe(418)
    expect(response.body).toStrictEqual(Buffer.from(body))
    expect(response.header("content-type")).toBe("x/y; z")
    expect(response.header("x-a")).toBe("é")
    expect(response.header("etag")).toBe('"1"')
    expect(response.header("content-length")).toBe("256")
  })

  it("several Set-Cookie stay several; other repeats are joined", async () => {
    const response = await raw({
      headers: { "set-cookie": ["a=1; Path=/", "b=2"], link: ["<a>", "<b>"], vary: "x" }
    })
    expect(response.all("set-cookie")).toStrictEqual(["a=1; Path=/", "b=2"])
    expect(response.all("link")).toStrictEqual(["<a>, <b>"])
    expect(response.header("vary")).toBe("x")
  })

  it("has no content type that the handler did not give", async () => {
    for (const headers of [{}, { "content-type": "" }]) {
      const response = await raw({ headers, body: "bytes" })
      expect(response.header("content-type")).toBeUndefined()
      expect(response.body.toString()).toBe("bytes")
    }
  })

  it("headers for one hop and wrong lengths are not passed on", async () => {
    const response = await raw({
      headers: {
        "content-length": "3",
        "transfer-encoding": "chunked",
        connection: "close, x-hop",
        "x-hop": "1",
        "keep-alive": "timeout=1",
        "content-type": "text/plain"
      },
      body: "longer than three"
    })
    expect(response.body.toString()).toBe("longer than three")
    expect(response.headers.map(([name]) => name).toSorted()).toStrictEqual([
      "content-length",
      "content-type",
      "date",
      "x-invocation-id"
    ])
  })

  it.each([204, 304])("%i has no body and no length", async (status) => {
    await using gateway = await startGateway({
      script: replying({ status, headers: { etag: '"e"' }, body: "ignored" })
    })
    const connection = await RawConnection.open(gateway.port)
    const request = "GET /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n"
    // Two in a row: a body that was sent after all would be taken for the second answer.
    for (const _ of [1, 2]) {
      const response = await connection.write(request).response()
      expect(response?.status).toBe(status)
      expect(response?.header("content-length")).toBeUndefined()
      expect(response?.header("etag")).toBe('"e"')
    }
    connection.destroy()
  })

  it.each([301, 302, 303, 307, 308])("%i is passed through, not followed", async (status) => {
    const response = await raw({ status, headers: { location: "../elsewhere?x=1" } })
    expect(response.status).toBe(status)
    expect(response.header("location")).toBe("../elsewhere?x=1")
    expect(response.header("content-length")).toBe("0")
  })

  it("an empty one has length 0", async () => {
    expect((await raw({})).header("content-length")).toBe("0")
  })

  describe("to HEAD", () => {
    it("has the length of the body that is left out", async () => {
      const response = await raw({ headers: { "content-type": "text/plain" }, body: "12345" }, "HEAD")
      expect(response.header("content-length")).toBe("5")
      expect(response.header("content-type")).toBe("text/plain")
    })

    it("has the length that the handler said, where it gave no body", async () => {
      const response = await raw(
        { headers: { "content-type": "text/plain", "content-length": "1234" } },
        "HEAD"
      )
      expect(response.header("content-length")).toBe("1234")
    })

    it.each(["/functions/hello", "/functions/unknown", "/health", "/api/functions"])(
      "has a date, as to GET: %s",
      async (path) => {
        await using gateway = await startGateway({ script: replying({ body: "12345" }) })
        for (const method of ["GET", "HEAD"]) {
          const response = await gateway.fetch(path, { method })
          expect(Date.parse(response.headers.get("date") ?? "none")).toBeGreaterThan(0)
        }
      }
    )

    it("has the date that the handler gave", async () => {
      const date = "Tue, 15 Nov 1994 08:12:31 GMT"
      expect((await raw({ headers: { date }, body: "12345" }, "HEAD")).header("date")).toBe(date)
    })

    it("has no body, whatever the handler answered: the connection stays usable", async () => {
      await using gateway = await startGateway({
        script: replying({ body: "GET / HTTP/1.1 is not a status line" })
      })
      const connection = await RawConnection.open(gateway.port)
      const request = "HEAD /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n"
      expect((await connection.write(request).response(true))?.status).toBe(200)
      expect((await connection.write(request).response(true))?.status).toBe(200)
      connection.destroy()
    })

    it("an error has its headers and no body", async () => {
      await using gateway = await startGateway()
      const response = await gateway.fetch("/functions/unknown", { method: "HEAD" })
      expect(response.status).toBe(404)
      expect(response.headers.get("x-function-error")).toBe("FN_001")
      expect(Number(response.headers.get("content-length"))).toBeGreaterThan(0)
      expect(await response.text()).toBe("")
    })
  })

  it("that cannot be sent is the handler's failure, and is logged", async () => {
    await using gateway = await startGateway({
      script: replying({ headers: { "x-a": "one\r\nx-forged: 1" }, body: "x" })
    })
    const response = await gateway.fetch("/functions/hello")
    expect(response.status).toBe(500)
    expect(response.headers.get("x-function-error")).toBe("FN_004")
    expect(response.headers.has("x-forged")).toBe(false)
    expect(gateway.logged).toHaveLength(1)
    expect(gateway.logged[0]).toMatchObject({
      level: "error",
      functionName: "hello",
      invocationId: response.headers.get("x-invocation-id"),
      message: expect.stringContaining("x-a")
    })
  })
})

describe("failures", () => {
  it.each<[InvocationError, number, string, string | null]>([
    [new ExecutionTimeout({ timeoutMs: 100, phase: "run" }), 504, "FN_002", null],
    [new MemoryLimitExceeded({ limitMb: 64 }), 500, "FN_003", null],
    [new HandlerFailed({ kind: "threw", handlerMessage: "secret", exposed: false }), 500, "FN_004", null],
    [new WorkerCrashed({ cause: "exit", reason: "exited with code 1" }), 502, "FN_004", null],
    [new LimitExceeded({ limit: "queue_length", value: 10, retryAfterSeconds: 1.2 }), 429, "FN_007", "2"],
    [new ColdStartTimeout({ reason: "x", retryAfterSeconds: 5 }), 503, "FN_008", "5"],
    [new ServiceStopping({ retryAfterSeconds: 1 }), 503, "FN_008", "1"],
    [new PermissionDenied({ reason: "no" }), 403, "FN_009", null]
  ])("%s", async (error, status, code, retryAfter) => {
    await using gateway = await startGateway({ script: failing(error) })
    const response = await gateway.fetch("/functions/hello")
    expect(response.status).toBe(status)
    expect(response.headers.get("content-type")).toBe("application/problem+json")
    expect(response.headers.get("cache-control")).toBe("no-store")
    expect(response.headers.get("x-function-error")).toBe(code)
    expect(response.headers.get("retry-after")).toBe(retryAfter)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ type: `urn:bunbase:problem:${code}`, status, code })
    expect(text).not.toContain("secret")
    expect(text).not.toContain("    at ")
  })

  it("a fault of the service itself says nothing of its cause, and is logged", async () => {
    await using gateway = await startGateway({
      script: () => {
        throw new Error("a secret of ours")
      }
    })
    for (const init of [{}, { method: "POST", body: "x" }]) {
      const response = await gateway.fetch("/functions/hello", init)
      expect(response.status).toBe(500)
      expect(response.headers.get("x-invocation-id")).toMatch(uuid7)
      const text = await response.text()
      expect(JSON.parse(text)).toMatchObject({ code: "FN_004", title: "Internal error" })
      expect(text).not.toContain("secret")
    }
    expect(gateway.logged.map(({ message }) => message)).toStrictEqual(
      Array(2).fill("a request to a function could not be handled: Error: a secret of ours")
    )
  })
})
