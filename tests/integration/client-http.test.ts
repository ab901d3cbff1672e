import { gzipSync } from "bun"
import { afterEach, describe, expect, it } from "vitest"
import {
  ConnectionError,
  connectHttp,
  type FunctionsClient,
  type HttpOptions,
  ProtocolError
} from "../../src/client/index.ts"
import {
  ExecutionTimeout,
  FunctionNotFound,
  InvalidRequest,
  type ServiceError
} from "../../src/domain/Errors.ts"
import { problemOf } from "../../src/protocol/Problem.ts"
import { deploymentView, functionView, versionView } from "../support/IpcHarness.ts"

type Handler = (request: Request, body: Uint8Array) => Response | Promise<Response>

let cleanups: Array<() => unknown> = []
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
  cleanups = []
})

/** A server that a test plays, and a client of it. */
const play = async (handler: Handler, options: HttpOptions = {}): Promise<FunctionsClient> => {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: async (request) => handler(request, await request.clone().bytes())
  })
  cleanups.push(() => server.stop(true))
  const client = await connectHttp(`http://127.0.0.1:${server.port}/`, options)
  cleanups.push(client.close)
  return client
}
const refusal = (error: ServiceError, invocationId?: string): Response => {
  const problem = problemOf(error, invocationId)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", "x-function-error": problem.code }
  })
}
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable("it was expected to fail"),
    (error: unknown) => error
  )
const targetOf = (request: Request): string => {
  const { pathname, search } = new URL(request.url)
  return `${request.method} ${pathname}${search}`
}

describe("calls over HTTP", () => {
  it("invoke a function and give all that it answered", async () => {
    let seen: unknown
    const client = await play((request, body) => {
      seen = [targetOf(request), request.headers.get("x-a"), body]
      const headers = new Headers({ "content-type": "text/plain", "x-invocation-id": "id-1" })
      headers.append("set-cookie", "a=1")
      headers.append("set-cookie", "b=2")
      return new Response("grüße", { status: 418, headers })
    })
    const result = await client.invoke("hello-world", {
      path: "/sub x?a=1",
      query: { b: ["2", "3 4"] },
      headers: { "X-A": ["1", "2"] },
      body: Uint8Array.of(0, 200, 255)
    })
    expect(seen).toEqual([
      "POST /functions/hello-world/sub%20x?a=1&b=2&b=3%204",
      "1, 2",
      Uint8Array.of(0, 200, 255)
    ])
    expect([result.status, result.text(), result.executionId, result.executionTimeMs]).toEqual([
      418,
      "grüße",
      "id-1",
      null
    ])
    expect(result.headers.filter(([name]) => name === "set-cookie")).toEqual([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"]
    ])
  })

  it("give the bytes as they were sent: redirects are not followed, nothing is unpacked", async () => {
    const packed = gzipSync(new TextEncoder().encode("packed"))
    const client = await play((request) =>
      new URL(request.url).pathname.endsWith("/gz")
        ? new Response(packed, { headers: { "content-encoding": "gzip" } })
        : new Response(null, { status: 302, headers: { location: "/functions/hello-world/gz" } })
    )
    const redirected = await client.invoke("hello-world")
    expect([redirected.status, redirected.header("location")]).toEqual([302, "/functions/hello-world/gz"])
    expect((await client.invoke("hello-world", { path: "/gz" })).body).toEqual(new Uint8Array(packed))
  })

  it("manage functions", async () => {
    const seen: Array<unknown> = []
    const client = await play((request, body) => {
      const asked = targetOf(request)
      seen.push([asked, body.length === 0 ? null : JSON.parse(new TextDecoder().decode(body))])
      if (asked === "POST /api/functions") return Response.json(functionView("a"), { status: 201 })
      if (asked.endsWith("/deploy")) return Response.json(deploymentView("a", "v1"))
      if (asked.endsWith("/versions")) return Response.json({ versions: [versionView("v1")] })
      if (asked === "GET /api/functions") return Response.json({ functions: [functionView("a")] })
      if (asked === "GET /health") return new Response("OK")
      return Response.json(functionView("a"))
    })
    expect(await client.register({ name: "a" })).toEqual(functionView("a"))
    expect(await client.deploy("a", { version: "v1", bundlePath: "/b.js" })).toEqual(
      deploymentView("a", "v1")
    )
    await client.deploy("a", { version: "v1", bundle: "x", sourceMap: "{}" })
    expect(await client.list()).toEqual([functionView("a")])
    expect(await client.get("a/b")).toEqual(functionView("a"))
    expect(await client.versions("a")).toEqual([versionView("v1")])
    expect(await client.ping()).toMatchObject({ version: null })
    expect(seen).toEqual([
      ["POST /api/functions", { name: "a" }],
      ["POST /api/functions/a/deploy", { version: "v1", bundle_path: "/b.js" }],
      ["POST /api/functions/a/deploy", { version: "v1", bundle: "x", source_map: "{}" }],
      ["GET /api/functions", null],
      ["GET /api/functions/a%2Fb", null],
      ["GET /api/functions/a/versions", null],
      ["GET /health", null]
    ])
  })

  it("reject with what the service says, and not with what a function answers", async () => {
    const client = await play((request) => {
      const { pathname } = new URL(request.url)
      if (pathname.startsWith("/functions/own")) {
        return new Response("mine", { status: 500, headers: { "x-function-error": "FN_004" } })
      }
      if (pathname.startsWith("/functions/slow")) {
        return refusal(new ExecutionTimeout({ timeoutMs: 9, phase: "run" }), "id-2")
      }
      if (request.method === "POST") {
        return refusal(
          new InvalidRequest({ violations: [{ field: "name", value: 7, message: "use a string" }] })
        )
      }
      return refusal(new FunctionNotFound({ function: "nope", reason: "unknown" }))
    })
    expect((await client.invoke("own")).status).toBe(500)
    expect(await failure(client.invoke("slow"))).toMatchObject({
      name: "FunctionsError",
      code: "FN_002",
      status: 504,
      invocationId: "id-2",
      retryable: true
    })
    expect(await failure(client.get("nope"))).toMatchObject({ code: "FN_001", status: 404 })
    expect(await failure(client.register({ name: "x" }))).toMatchObject({
      code: "FN_006",
      violations: [{ field: "name", value: 7, message: "use a string" }]
    })
  })

  it("cannot be led out of the function's own path", async () => {
    const client = await play((request) => expect.unreachable(targetOf(request)))
    for (const path of ["/../../api/functions", "/..", "/%2e%2e/other", "/a/../../other/x", "/\\..\\..\\x"]) {
      expect(await failure(client.invoke("hello", { path }))).toMatchObject({
        violations: [{ field: "path" }]
      })
    }
    for (const name of ["", ".", ".."]) {
      expect(await failure(client.invoke(name))).toMatchObject({ code: "FN_001" })
      expect(await failure(client.get(name))).toMatchObject({ code: "FN_001" })
    }
  })

  it("say which header cannot be one", async () => {
    const client = await play((request) => expect.unreachable(targetOf(request)))
    expect(await failure(client.invoke("a", { headers: { "bad name": "x" } }))).toMatchObject({
      violations: [{ field: "headers.bad name" }]
    })
  })

  it("show the API key, unless the call has a key of its own", async () => {
    const seen: Array<string | null> = []
    const client = await play(
      (request) => {
        seen.push(request.headers.get("authorization"))
        return Response.json({ functions: [] })
      },
      { apiKey: "k-1" }
    )
    await client.list()
    await client.invoke("a")
    await client.invoke("a", { headers: { Authorization: "Basic x" } })
    expect(seen).toEqual(["Bearer k-1", "Bearer k-1", "Basic x"])
  })
})

describe("giving up over HTTP", () => {
  it("aborts the request itself", async () => {
    let gone: (value: unknown) => void
    const left = new Promise((resolve) => (gone = resolve))
    let here: (value: unknown) => void
    const arrived = new Promise((resolve) => (here = resolve))
    const client = await play(async (request) => {
      request.signal.addEventListener("abort", () => gone("left"))
      here(null)
      await left
      return new Response()
    })
    const controller = new AbortController()
    const call = failure(client.invoke("a", { signal: controller.signal }))
    await arrived
    controller.abort(new Error("changed my mind"))
    expect(await call).toEqual(new Error("changed my mind"))
    expect(await left).toBe("left")
    expect(await failure(client.list({ signal: AbortSignal.abort("early") }))).toBe("early")
  })

  it("is done after a time, and when the client is closed", async () => {
    const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const never = new Promise<Response>(() => {})
    const arrivals = asked.values()
    const client = await play(() => {
      arrivals.next().value?.resolve()
      return never
    })
    expect(await failure(client.invoke("a", { timeoutMs: 20 }))).toMatchObject({
      code: "FN_002",
      status: 504
    })
    const call = failure(client.invoke("a"))
    await Promise.all(asked.map(({ promise }) => promise))
    await client.close()
    expect(await call).toMatchObject({ name: "ConnectionError", delivery: "unknown" })
    expect(await failure(client.list())).toMatchObject({ name: "ConnectionError", delivery: "not_sent" })
  })
})

describe("what is no functions service", () => {
  it("is told apart where nobody listens", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() })
    const url = `http://127.0.0.1:${server.port}`
    await server.stop(true)
    const error = await failure((await connectHttp(url)).list())
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({
      message: `no server is listening on ${url}; start one with: bunbase serve`,
      delivery: "not_sent"
    })
  })

  it("is told apart where something else listens", async () => {
    const client = await play(() => new Response("<html>", { status: 502 }))
    expect(await failure(client.list())).toBeInstanceOf(ProtocolError)
    const other = await play(() => Response.json({ hello: "there" }))
    expect(await failure(other.list())).toBeInstanceOf(ProtocolError)
  })

  it("is not connected to where the URL is none", async () => {
    for (const url of ["localhost:8080", "ftp://x", ""]) {
      expect(await failure(connectHttp(url))).toBeInstanceOf(ConnectionError)
    }
  })

  it("may hang up: what changes nothing is tried once more", async () => {
    let connections = 0
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (socket) => {
          connections += 1
          socket.end()
        }
      }
    })
    cleanups.push(() => server.stop(true))
    const client = await connectHttp(`http://127.0.0.1:${server.port}`)
    expect(await failure(client.invoke("a", { method: "POST", body: "x" }))).toMatchObject({
      delivery: "unknown"
    })
    const invoked = connections
    expect(await failure(client.list())).toMatchObject({ delivery: "unknown" })
    expect(connections - invoked).toBeGreaterThanOrEqual(2)
  })
})
