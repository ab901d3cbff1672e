import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import {
  DeploymentFailed,
  FunctionNotFound,
  InvalidRequest,
  type ManagementError,
  PayloadTooLarge,
  ServiceStopping,
  StorageFailed,
  VersionNotFound
} from "../../src/domain/Errors.ts"
import type { RegisterFunction } from "../../src/domain/FunctionSpec.ts"
import type { VersionView } from "../../src/protocol/Management.ts"
import { functionView } from "../support/GatewayUnderTest.ts"
import { exchange } from "../support/RawHttp.ts"
import { expectProblem, gatewaySession, json } from "../support/GatewaySession.ts"

const start = gatewaySession()

const registering = async (body: unknown, headers?: Record<string, string>) => {
  const registered: Array<RegisterFunction> = []
  const { fetch } = await start({
    register: (input) => Effect.sync(() => (registered.push(input), functionView({ name: input.name })))
  })
  return { response: await fetch("/api/functions", json(body, headers)), registered }
}

describe("POST /api/functions", () => {
  it("registers: 201, Location and the function", async () => {
    const { registered, response } = await registering({ name: "hello", memory_mb: 64, env: { A: "1" } })
    expect(response.status).toBe(201)
    expect(response.headers.get("location")).toBe("/api/functions/func-0000000000000001")
    expect(response.headers.get("content-type")).toBe("application/json")
    expect(response.headers.get("cache-control")).toBe("no-store")
    expect(await response.json()).toStrictEqual(functionView({ name: "hello" as never }))
    expect(registered).toStrictEqual([
      { name: "hello", runtime: "bun", handler: "handler", env: { A: "1" }, memory_mb: 64 }
    ])
  })

  it("answers 200 where the name was known before", async () => {
    const { fetch } = await start({ get: (name) => Effect.succeed(functionView({ name: name as never })) })
    const response = await fetch("/api/functions", json({ name: "hello" }))
    expect(response.status).toBe(200)
    expect(response.headers.get("location")).toBe("/api/functions/func-0000000000000001")
    expect(await response.json()).toMatchObject({ name: "hello" })
  })

  it("says everything that is wrong at once, unknown fields included", async () => {
    const { registered, response } = await registering({
      name: "Not a name",
      runtime: "node",
      memory_mb: 1,
      timeout_seconds: "30",
      colour: "red"
    })
    const problem = await expectProblem(response, 400, "FN_006")
    const violations = problem["violations"] as ReadonlyArray<{ field: string }>
    expect(violations.map(({ field }) => field).toSorted()).toStrictEqual([
      "colour",
      "memory_mb",
      "name",
      "runtime",
      "timeout_seconds"
    ])
    expect(registered).toHaveLength(0)
  })

  it("does not repeat the values of environment variables", async () => {
    const { response } = await registering({ name: "hello", env: { "1BAD": "hunter2", OK: 5 } })
    const problem = await expectProblem(response, 400, "FN_006")
    expect(JSON.stringify(problem)).not.toContain("hunter2")
  })

  it.each([
    ['{"name": "hello",}', "line 1, column 17"],
    ['{\n  "name": hello\n}', "line 2, column 11"],
    ["", "line 1, column 1"],
    ["\u0000", "line 1, column 1"],
    ["[".repeat(200_000), "nested too deeply"]
  ])("says where JSON stops being JSON", async (body, place) => {
    const { response } = await registering(body)
    const problem = await expectProblem(response, 400, "FN_006")
    expect(problem["detail"]).toContain(place)
  })

  it.each(["null", "[]", '"text"', "5", "true"])("%s is not an object", async (body) => {
    const { response } = await registering(body)
    await expectProblem(response, 400, "FN_006")
  })

  it("refuses bytes that are not UTF-8", async () => {
    const { fetch } = await start()
    const response = await fetch("/api/functions", {
      ...json(""),
      body: Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x7d])
    })
    expect((await expectProblem(response, 400, "FN_006"))["detail"]).toContain("UTF-8")
  })

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    ""
  ])("refuses content type '%s'", async (type) => {
    const { response, registered } = await registering({ name: "hello" }, { "content-type": type })
    const problem = await expectProblem(response, 400, "FN_006")
    expect(problem["violations"]).toMatchObject([{ field: "content-type", message: "send application/json" }])
    expect(registered).toHaveLength(0)
  })

  it("takes content types however they are written", async () => {
    const { response } = await registering(
      { name: "hello" },
      { "content-type": "Application/JSON ; charset=utf-8" }
    )
    expect(response.status).toBe(201)
  })

  it("refuses a body over its limit, declared or in chunks", async () => {
    const { fetch } = await start()
    const huge = `{"name":"${"x".repeat(256 * 1024)}"}`
    await expectProblem(await fetch("/api/functions", json(huge)), 413, "FN_006")
    const chunked = new ReadableStream({
      start(controller) {
        for (let at = 0; at < huge.length; at += 65_536) {
          controller.enqueue(new TextEncoder().encode(huge.slice(at, at + 65_536)))
        }
        controller.close()
      }
    })
    await expectProblem(await fetch("/api/functions", { ...json(""), body: chunked }), 413, "FN_006")
  })

  it.each([
    [
      "fields",
      { name: "hello", ...Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`a${i}`, 1])) }
    ],
    [
      "variables",
      { name: "hello", env: Object.fromEntries(Array.from({ length: 15_000 }, (_, i) => [`-${i}`, "1"])) }
    ]
  ])("answers a body full of wrong %s with a bounded list", async (_, body) => {
    const { response } = await registering(body)
    const problem = await expectProblem(response, 400, "FN_006")
    expect((problem["violations"] as ReadonlyArray<unknown>).length).toBeLessThan(100)
  })
})

describe("GET", () => {
  it("/api/functions lists them", async () => {
    const { fetch } = await start({
      list: Effect.succeed([functionView(), functionView({ name: "other" as never })])
    })
    const response = await fetch("/api/functions")
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ functions: [{ name: "hello" }, { name: "other" }] })
  })

  it.each(["hello", "func-0000000000000001"])("/api/functions/%s shows one, by name or id", async (key) => {
    const asked: Array<string> = []
    const { fetch } = await start({ get: (id) => Effect.sync(() => (asked.push(id), functionView())) })
    expect(await (await fetch(`/api/functions/${key}`)).json()).toStrictEqual(functionView())
    expect(asked).toStrictEqual([key])
  })

  it("/api/functions/:id/versions lists its versions", async () => {
    const version: VersionView = {
      id: "ver-0000000000000001",
      version: "v1",
      active: true,
      size_bytes: 3,
      sha256: "0".repeat(64),
      bundle_path: "/x/bundle.js",
      created_at: "2026-01-27T10:00:00.000Z"
    } as VersionView
    const { fetch } = await start({ versions: () => Effect.succeed([version]) })
    expect(await (await fetch("/api/functions/hello/versions")).json()).toStrictEqual({ versions: [version] })
  })

  it("/api/system says what this server can do, and what holds workers to their memory", async () => {
    const { fetch } = await start()
    const response = await fetch("/api/system")
    expect(response.status).toBe(200)
    expect(response.headers.get("content-type")).toBe("application/json")
    expect(await response.json()).toStrictEqual({
      version: "1.0.0",
      runtimes: { bun: { available: true }, "quickjs-ng": { available: false, reason: "not built" } },
      memory_limits: { bun: { by: "cgroup", cgroup_version: 2 } },
      spare_workers: { bun: 1 }
    })
  })

  it("/api/openapi.json is the document of this API", async () => {
    const { fetch } = await start()
    const response = await fetch("/api/openapi.json")
    expect(response.headers.get("content-type")).toBe("application/json")
    const document = (await response.json()) as Record<string, Record<string, unknown>>
    expect(document["openapi"]).toMatch(/^3\.1/)
    expect(Object.keys(document["paths"] ?? {})).toContain("/api/functions/{id}/deploy")
  })

  it.each(["/api/functions", "/api/openapi.json", "/api/functions/hello"])(
    "HEAD %s is GET without the body",
    async (path) => {
      const { fetch, port } = await start({ get: () => Effect.succeed(functionView()) })
      const whole = await fetch(path)
      const head = await exchange(port, `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, true)
      expect(head.status).toBe(200)
      expect(head.header("content-length")).toBe(whole.headers.get("content-length") ?? "")
    }
  )
})

describe("failures", () => {
  it.each<[ManagementError, number, string, Record<string, unknown>]>([
    [new FunctionNotFound({ function: "x", reason: "unknown" }), 404, "FN_001", {}],
    [new VersionNotFound({ function: "x", version: "v1" }), 404, "FN_001", {}],
    [
      new DeploymentFailed({ stage: "syntax", reason: "unexpected )", file: "a.ts", line: 3, column: 7 }),
      422,
      "FN_005",
      { file: "a.ts", line: 3, column: 7, detail: "a.ts:3:7: unexpected )" }
    ],
    [new InvalidRequest({ violations: [{ field: "name", message: "is taken" }] }), 400, "FN_006", {}],
    [new PayloadTooLarge({ what: "the bundle", limitBytes: 5 }), 413, "FN_006", {}],
    [new StorageFailed({ operation: "save", reason: "the disk is full" }), 500, "FN_004", {}],
    [new ServiceStopping({ retryAfterSeconds: 1 }), 503, "FN_008", { retry_after_seconds: 1 }]
  ])("%s", async (error, status, code, fields) => {
    const { fetch } = await start({
      get: () => Effect.fail(error),
      versions: () => Effect.fail(error),
      list: Effect.fail(error),
      register: () => Effect.fail(error),
      deploy: () => Effect.fail(error)
    })
    const answers = await Promise.all([
      fetch("/api/functions/x"),
      fetch("/api/functions/x/versions"),
      fetch("/api/functions"),
      fetch("/api/functions", json({ name: "x" })),
      fetch("/api/functions/x/deploy", json({ version: "v1", bundle: "x" }))
    ])
    for (const response of answers) expect(await expectProblem(response, status, code)).toMatchObject(fields)
  })

  it("a defect says nothing of itself, and is logged", async () => {
    const { fetch, logged } = await start({
      get: () => Effect.die(new Error("a secret of ours")),
      list: Effect.sync(() => {
        throw new Error("a secret of ours")
      }),
      // What the definition does not allow is a defect as well.
      versions: () => Effect.succeed([{ nonsense: true } as never])
    })
    for (const path of ["/api/functions/x?y=1", "/api/functions", "/api/functions/x/versions"]) {
      const problem = await expectProblem(await fetch(path), 500, "FN_004")
      expect(problem["title"]).toBe("Internal error")
      expect(JSON.stringify(problem)).not.toMatch(/secret|nonsense| at /)
    }
    expect(logged.map(({ level, message }) => `${level} ${message.split("\n")[0]}`)).toStrictEqual([
      "error GET /api/functions/x failed: Error: a secret of ours",
      "error GET /api/functions failed: Error: a secret of ours",
      expect.stringContaining("error GET /api/functions/x/versions failed: ")
    ])
  })

  it.each([
    "/api",
    "/api/",
    "/api/function",
    "/api/functions/",
    "/api/functions/a/b",
    "/api/functions/%zz",
    `/api/functions/${"x".repeat(500)}`,
    "/",
    "/functions",
    "/favicon.ico",
    "/apix",
    "/API/functions"
  ])("nothing lives at %s: 404", async (path) => {
    const { fetch } = await start()
    const response = await fetch(path)
    await expectProblem(response, 404, "FN_006")
  })

  it.each([
    ["DELETE", "/api/functions", "GET, HEAD, POST"],
    ["POST", "/api/functions/x", "GET, HEAD, DELETE"],
    ["GET", "/api/functions/x/rollback", "POST"],
    ["GET", "/api/functions/x/versions/v1", "DELETE"],
    ["GET", "/api/functions/x/deploy", "POST"],
    ["OPTIONS", "/api/functions", "GET, HEAD, POST"],
    ["TRACE", "/api/functions", "GET, HEAD, POST"],
    ["PUT", "/health", "GET, HEAD"],
    ["POST", "/ready", "GET, HEAD"]
  ])("%s %s: 405 with what it takes", async (method, path, allow) => {
    const { port } = await start()
    const response = await exchange(port, `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    expect(response.status).toBe(405)
    expect(response.header("allow")).toBe(allow)
    expect(response.header("x-function-error")).toBe("FN_006")
  })
})

describe("roll-backs and deletions", () => {
  it("answer as the documents say, and nothing that a cache may keep", async () => {
    const { fetch } = await start()
    const gone = { function_id: "func-0000000000000001", name: "hello", status: "deleted" }
    const cases: ReadonlyArray<readonly [method: string, path: string, body: object | null, answer: object]> =
      [
        ["POST", "hello/rollback", null, { version: "v0", replaced: "v1", status: "deployed" }],
        ["POST", "hello/rollback", { version: "v7" }, { version: "v7", replaced: "v1" }],
        ["DELETE", "hello", null, gone],
        ["DELETE", "hello/versions/v1.2+x", null, { ...gone, version: "v1.2+x" }]
      ]
    for (const [method, path, body, answer] of cases) {
      const request = body === null ? {} : json(body)
      const response = await fetch(`/api/functions/${path}`, { ...request, method })
      expect([path, response.status]).toEqual([path, 200])
      expect(response.headers.get("cache-control")).toBe("no-store")
      expect(await response.json()).toMatchObject(answer)
    }
  })

  it("are refused where a field or a label is wrong", async () => {
    const { fetch } = await start()
    for (const body of [{ version: "" }, { version: 1 }, { to: "v1" }, []]) {
      await expectProblem(await fetch("/api/functions/hello/rollback", json(body)), 400, "FN_006")
    }
    for (const label of ["-v1", "a%20b", `v${"1".repeat(80)}`]) {
      const response = await fetch(`/api/functions/hello/versions/${label}`, { method: "DELETE" })
      await expectProblem(response, 400, "FN_006")
    }
  })
})
