import { createHash, createHmac } from "node:crypto"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import helloWorld from "../../examples/hello-world.ts"
import htmlPage from "../../examples/html-page.ts"
import jsonApi from "../../examples/json-api.ts"
import primes from "../../examples/primes.ts"
import quickjsHello from "../../examples/quickjs-hello.ts"
import upload from "../../examples/upload.ts"
import webhook from "../../examples/webhook.ts"

/** The examples as what they are: plain functions from a Request to a Response. */

const at = (path: string, init?: RequestInit) => new Request(`http://localhost${path}`, init)
const json = (body: unknown, method = "POST"): RequestInit => ({ method, body: JSON.stringify(body) })

describe.each([
  ["hello-world", helloWorld],
  ["quickjs-hello", quickjsHello]
])("%s", (_, handler) => {
  it("greets", async () => {
    const answer = await (await handler(at("/?name=Alice"))).json()
    expect(answer).toEqual({
      message: "Hello, Alice!",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      method: "GET",
      path: "/"
    })
    expect(await (await handler(at("/deeper", { method: "POST" }))).json()).toMatchObject({
      message: "Hello, World!",
      method: "POST",
      path: "/deeper"
    })
  })
})

describe("json-api", () => {
  it("creates, shows, lists, replaces and removes items", async () => {
    const created = await jsonApi(at("/items", json({ title: "buy milk" })))
    expect(created.status).toBe(201)
    const item = (await created.json()) as { id: number }
    expect(item).toEqual({ id: expect.any(Number), title: "buy milk", done: false })
    expect(created.headers.get("location")).toBe(`items/${item.id}`)

    const path = `/items/${item.id}`
    expect(await (await jsonApi(at(path))).json()).toEqual(item)
    const changed = await jsonApi(at(path, json({ title: "buy bread", done: true }, "PUT")))
    expect(await changed.json()).toEqual({ id: item.id, title: "buy bread", done: true })
    const list = (await (await jsonApi(at("/items"))).json()) as { items: Array<unknown> }
    expect(list.items).toContainEqual({ id: item.id, title: "buy bread", done: true })

    const removed = await jsonApi(at(path, { method: "DELETE" }))
    expect(removed.status).toBe(204)
    expect(await removed.text()).toBe("")
    expect((await jsonApi(at(path))).status).toBe(404)
  })

  it("says everything that is wrong with an item", async () => {
    const answer = await jsonApi(at("/items", json({ title: " ", done: "no", colour: "red" })))
    expect(answer.status).toBe(422)
    const { errors } = (await answer.json()) as { errors: Array<string> }
    expect(errors.map((error) => error.split(":")[0])).toEqual(["title", "done", "colour"])
    for (const body of ["", "{", "[]", "null", "7"]) {
      expect((await jsonApi(at("/items", { method: "POST", body }))).status).toBe(400)
    }
  })

  it("knows its routes and methods", async () => {
    expect((await jsonApi(at("/"))).status).toBe(404)
    expect((await jsonApi(at("/items/x"))).status).toBe(404)
    const answer = await jsonApi(at("/items", { method: "DELETE" }))
    expect(answer.status).toBe(405)
    expect(answer.headers.get("allow")).toBe("GET, POST")
  })
})

describe("webhook", () => {
  const secret = "s3cret"
  beforeEach(() => {
    vi.stubEnv("WEBHOOK_SECRET", secret)
    vi.spyOn(console, "log").mockImplementation(() => {})
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })
  const signed = (body: string, seconds = Math.floor(Date.now() / 1000), key = secret): RequestInit => ({
    method: "POST",
    body,
    headers: {
      "x-timestamp": String(seconds),
      "x-signature": `sha256=${createHmac("sha256", key).update(`${seconds}.${body}`).digest("hex")}`
    }
  })

  it("accepts a signed message", async () => {
    const answer = await webhook(at("/", signed(JSON.stringify({ event: "ping", text: "é" }))))
    expect(answer.status).toBe(202)
    expect(await answer.json()).toEqual({ accepted: true })
  })

  it("refuses another body, another secret, and another time than was signed", async () => {
    expect((await webhook(at("/", { ...signed("{}"), body: "[]" }))).status).toBe(401)
    expect((await webhook(at("/", signed("{}", undefined, "other")))).status).toBe(401)
    const { headers } = signed("{}")
    const later = {
      ...(headers as Record<string, string>),
      "x-timestamp": String(Math.floor(Date.now() / 1000) + 1)
    }
    expect((await webhook(at("/", { method: "POST", body: "{}", headers: later }))).status).toBe(401)
  })

  it("refuses a message that is too old or from the future, though its signature is right", async () => {
    const now = Math.floor(Date.now() / 1000)
    for (const seconds of [now - 301, now + 302]) {
      const answer = await webhook(at("/", signed("{}", seconds)))
      expect(answer.status).toBe(401)
      expect(await answer.text()).toContain("300 seconds")
    }
    expect((await webhook(at("/", signed("{}", now - 290)))).status).toBe(202)
  })

  it("refuses what is not a signed message at all", async () => {
    expect((await webhook(at("/"))).status).toBe(405)
    expect((await webhook(at("/", { method: "POST", body: "{}" }))).status).toBe(400)
    expect((await webhook(at("/", signed("not json")))).status).toBe(400)
    const malformed = { "x-timestamp": "1", "x-signature": "sha256=zz" }
    expect((await webhook(at("/", { method: "POST", body: "{}", headers: malformed }))).status).toBe(400)
  })

  it("accepts nothing without a secret", async () => {
    vi.stubEnv("WEBHOOK_SECRET", "")
    expect((await webhook(at("/", signed("{}", undefined, "")))).status).toBe(503)
  })
})

describe("upload", () => {
  it("shows a form", async () => {
    const answer = await upload(at("/"))
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8")
    expect(await answer.text()).toContain('enctype="multipart/form-data"')
  })

  it("tells names, sizes and hashes of files, exactly to the byte", async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256)
    const form = new FormData()
    form.append("note", "first")
    form.append("note", "second")
    form.append("file", new File([bytes], "binary é.bin", { type: "application/octet-stream" }))
    form.append("file", new File([], "empty.txt", { type: "text/plain" }))
    const answer = await upload(at("/", { method: "POST", body: form }))
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({
      fields: { note: ["first", "second"] },
      files: [
        {
          field: "file",
          name: "binary é.bin",
          type: "application/octet-stream",
          size: 70_000,
          sha256: createHash("sha256").update(bytes).digest("hex")
        },
        {
          field: "file",
          name: "empty.txt",
          type: expect.stringContaining("text/plain"),
          size: 0,
          sha256: createHash("sha256").digest("hex")
        }
      ]
    })
  })

  it("refuses what is not a form", async () => {
    expect((await upload(at("/", { method: "POST", body: "hello" }))).status).toBe(415)
    expect((await upload(at("/", { method: "PUT" }))).status).toBe(405)
  })
})

describe("html-page", () => {
  it("escapes what it is told", async () => {
    const name = `<script>alert("1")</script>&'`
    const answer = await htmlPage(at(`/?name=${encodeURIComponent(name)}`))
    const text = await answer.text()
    expect(text).not.toContain("<script>")
    expect(text).toContain("Hello, &#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;&#39;!")
  })

  it("remembers a name in a cookie", async () => {
    const first = await htmlPage(at("/?name=Ada%20Lovelace%3B"))
    const [cookie = ""] = first.headers.getSetCookie()
    expect(cookie).toMatch(/^name=Ada%20Lovelace%3B; Max-Age=\d+; HttpOnly; SameSite=Lax$/)
    const second = await htmlPage(at("/", { headers: { cookie: `other=1; ${cookie.split(";")[0]}` } }))
    expect(await second.text()).toContain("Hello, Ada Lovelace;!")
    expect(second.headers.getSetCookie()).toEqual([])
    const broken = await htmlPage(at("/", { headers: { cookie: "name=%zz" } }))
    expect(await broken.text()).toContain("Who are you?")
  })

  it("answers 304 while the page is the same", async () => {
    const first = await htmlPage(at("/?name=Ada"))
    const etag = first.headers.get("etag") ?? ""
    for (const value of [etag, `"x", W/${etag}`, "*"]) {
      const again = await htmlPage(at("/?name=Ada", { headers: { "if-none-match": value } }))
      expect(again.status).toBe(304)
      expect(again.headers.get("etag")).toBe(etag)
      expect(await again.text()).toBe("")
    }
    const other = await htmlPage(at("/?name=Bob", { headers: { "if-none-match": etag } }))
    expect(other.status).toBe(200)
    expect((await htmlPage(at("/", { method: "POST" }))).status).toBe(405)
  })
})

describe("primes", () => {
  it.each([
    [2, 1, 2],
    [10, 4, 7],
    [100, 25, 97],
    [32_770, 3512, 32_749],
    [1_000_000, 78_498, 999_983]
  ])("counts the primes up to %i", async (limit, count, largest) => {
    const answer = await (await primes(at(`/?limit=${limit}`))).json()
    expect(answer).toMatchObject({ limit, count, largest })
  })

  it("refuses other limits", async () => {
    for (const limit of ["1", "-5", "x", "1.5", "100000001", ""]) {
      expect((await primes(at(`/?limit=${limit}`))).status).toBe(400)
    }
  })

  it("gives other work its turn, and stops when the request is aborted", async () => {
    vi.spyOn(console, "log").mockImplementation(() => {})
    const abort = new AbortController()
    const reason = new Error("nobody waits")
    const running = primes(at("/?limit=100000000", { signal: abort.signal }))
    // This runs only because the handler yields: it has far more than one slice to do.
    setTimeout(() => abort.abort(reason), 0)
    await expect(running).rejects.toBe(reason)
  })
})
