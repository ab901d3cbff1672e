import { createHash, createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { cli } from "../support/Cli.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** The examples as a newcomer meets them: deployed by `serve --examples`, called over HTTP. */

let server: TestServer
beforeAll(async () => {
  server = await startServer({ flags: ["--examples"] })
  await server.printed(/curl /)
})
afterAll(() => server.dispose())

const call = (path: string, init?: RequestInit) => fetch(`${server.url}/functions/${path}`, init)

it("the curl line that the server prints answers", async () => {
  const line = await server.printed(/^\s*curl /)
  const child = Bun.spawn(["sh", "-c", line.replace("curl", "curl -sS")], { stdin: "ignore" })
  expect(JSON.parse(await child.stdout.text())).toMatchObject({ message: expect.stringContaining("Hello, ") })
})

it("a second start leaves them as they are", async () => {
  const before = await (await fetch(`${server.url}/api/functions/hello-world/versions`)).json()
  await server.stop()
  server = await startServer({ flags: ["--examples"], dataDir: server.dataDir })
  await server.printed(/curl /)
  expect(await (await fetch(`${server.url}/api/functions/hello-world/versions`)).json()).toEqual(before)
})

it("hello-world greets", async () => {
  expect(await (await call("hello-world?name=Alice")).json()).toEqual({
    message: "Hello, Alice!",
    timestamp: expect.stringMatching(/^\d{4}-/),
    method: "GET",
    path: "/"
  })
})

it("json-api keeps items", async () => {
  const created = await call("json-api/items", {
    method: "POST",
    body: JSON.stringify({ title: "buy milk" })
  })
  expect(created.status).toBe(201)
  const item = (await created.json()) as { id: number }
  // As a browser would resolve it: relative to the address that was called.
  const where = new URL(created.headers.get("location") ?? "", created.url)
  expect(await (await fetch(where)).json()).toEqual(item)
  expect((await fetch(where, { method: "DELETE" })).status).toBe(204)
  expect((await fetch(where)).status).toBe(404)
  const refused = await call("json-api/items", { method: "PATCH" })
  expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, POST"])
})

describe("webhook", () => {
  it("accepts nothing until it has a secret", async () => {
    expect((await call("webhook", { method: "POST", body: "{}" })).status).toBe(503)
  })

  it("checks signatures with the secret of its environment", async () => {
    const source = fileURLToPath(new URL("../../examples/webhook.ts", import.meta.url))
    const secret = ["--env", "WEBHOOK_SECRET=s3cret"]
    const deployed = await cli(["fn", "deploy", "signed", source, ...secret, "--socket", server.socketPath])
    expect(deployed).toMatchObject({ code: 0, stderr: "" })
    const seconds = Math.floor(Date.now() / 1000)
    const body = JSON.stringify({ event: "ping" })
    const signature = createHmac("sha256", "s3cret").update(`${seconds}.${body}`).digest("hex")
    const headers = { "x-timestamp": String(seconds), "x-signature": `sha256=${signature}` }
    expect((await call("signed", { method: "POST", body, headers })).status).toBe(202)
    expect((await call("signed", { method: "POST", body: `${body} `, headers })).status).toBe(401)
  })
})

it("upload tells what was sent, to the byte", async () => {
  expect(await (await call("upload")).text()).toContain("<form")
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) % 256)
  const form = new FormData()
  form.append("note", "hello")
  form.append("file", new File([bytes], "picture.png"))
  const answer = await call("upload", { method: "POST", body: form })
  expect(await answer.json()).toMatchObject({
    fields: { note: ["hello"] },
    files: [{ name: "picture.png", size: 200_000, sha256: createHash("sha256").update(bytes).digest("hex") }]
  })
})

it("html-page escapes, remembers and is cached", async () => {
  const first = await call("html-page?name=%3Cb%3EAda")
  expect(await first.text()).toContain("Hello, &#60;b&#62;Ada!")
  const cookie = first.headers.getSetCookie()[0]?.split(";")[0] ?? ""
  const second = await call("html-page", { headers: { cookie } })
  expect(await second.text()).toContain("Hello, &#60;b&#62;Ada!")
  const etag = second.headers.get("etag") ?? ""
  const third = await call("html-page", { headers: { cookie, "if-none-match": etag } })
  expect(third.status).toBe(304)
  expect(await third.text()).toBe("")
})

describe("primes", () => {
  it("counts", async () => {
    expect(await (await call("primes?limit=1000000")).json()).toMatchObject({
      count: 78_498,
      largest: 999_983
    })
  })

  it("stops when its caller hangs up, and the worker is free again", async () => {
    const abort = new AbortController()
    const running = call("primes?limit=100000000", { signal: abort.signal }).catch((error: unknown) => error)
    const workers = async () => {
      const view = (await (await fetch(`${server.url}/api/functions/primes`)).json()) as {
        workers: { busy: number }
      }
      return view.workers.busy
    }
    while ((await workers()) === 0) await Bun.sleep(5)
    abort.abort()
    expect(await running).toBeInstanceOf(Error)
    while ((await workers()) > 0) await Bun.sleep(5)
  })
})

it("the commands in the comments of the examples name files that exist", () => {
  for (const name of ["hello-world", "webhook", "quickjs-hello"]) {
    const file = fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url))
    expect(readFileSync(file, "utf8")).toContain(`examples/${name}.ts`)
  }
})
