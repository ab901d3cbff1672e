import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { plainPath } from "../support/Cli.ts"
import { fakeProgram } from "../support/ForkedRuntime.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

let server: TestServer
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bunbase-newcomer-"))
  server = await startServer({ flags: ["--examples"] })
})
afterAll(async () => {
  await server.dispose()
  await rm(folder, { recursive: true, force: true })
})

/** Runs a line as a person would type it, in the project's folder. */
const type = async (line: string): Promise<{ code: number; out: string; err: string }> => {
  const shell = Bun.spawn(["sh", "-c", line], {
    cwd: root,
    env: { ...process.env, PATH: `${join(root, "bin")}:${process.env["PATH"] ?? ""}`, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const [out, err, code] = await Promise.all([
    new Response(shell.stdout).text(),
    new Response(shell.stderr).text(),
    shell.exited
  ])
  return { code, out, err }
}

it("the curl line that the server prints answers", async () => {
  const line = await server.printed(/^\s*curl /)
  const { code, out } = await type(line.trim())
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ message: "Hello, Alice!" })
})

it("what the server says stands together, after everything that led there, and its last word is that it stopped", async () => {
  const home = await mkdtemp(join(tmpdir(), "bunbase-words-"))
  const [data, socket] = [join(home, "data"), join(home, "f.sock")]
  // One pipe for both of its streams, as on a terminal: what came first stands first.
  // Whether the native worker could be built here is of no importance to the words.
  const worker = fakeProgram(home).path
  const line = `exec "${root}bin/bunbase" serve --examples --http-port 0 --data-dir "${data}" --socket "${socket}" --quickjs-worker "${worker}" 2>&1`
  const shell = Bun.spawn(["sh", "-c", line], {
    cwd: root,
    env: { PATH: plainPath, HOME: home, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "ignore"]
  })
  try {
    let output = ""
    let signalled = false
    const decoder = new TextDecoder()
    for await (const chunk of shell.stdout) {
      output += decoder.decode(chunk, { stream: true })
      if (signalled || !output.includes(`--socket ${socket}\n`)) continue
      signalled = true
      shell.kill("SIGINT")
    }
    expect(await shell.exited).toBe(0)
    const [before = "", after = ""] = output.split(/^BunBase Functions .* is ready$/m)
    expect(before.match(/ deployed$/gm)).toHaveLength(7)
    const url = /HTTP +(\S+)/.exec(after)?.[1]
    expect(after.split("\n")).toEqual([
      "",
      `  HTTP     ${url}`,
      `  socket   ${socket}`,
      `  data     ${data} (7 functions deployed)`,
      "  runtimes bun, quickjs-ng",
      "  examples hello-world, html-page, json-api, primes, quickjs-hello, upload, webhook",
      "",
      "Call one:",
      `  curl '${url}/functions/hello-world?name=Alice'`,
      "Change examples/hello-world.ts, then:",
      `  bin/bunbase fn deploy hello-world examples/hello-world.ts --socket ${socket}`,
      "SIGINT: stopping; what is in flight may finish. Once more to end at once.",
      "stopped",
      ""
    ])
  } finally {
    shell.kill("SIGKILL")
    await shell.exited
    await rm(home, { recursive: true, force: true })
  }
})

describe("every example answers as its comment and its code say", () => {
  const call = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${server.url}/functions/${path}`, init)
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  it("hello-world", async () => {
    const { status, text } = await call("hello-world?name=Alice")
    expect({ status, body: JSON.parse(text) as unknown }).toEqual({
      status: 200,
      body: {
        message: "Hello, Alice!",
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        method: "GET",
        path: "/"
      }
    })
  })

  it("html-page", async () => {
    const asked = await call("html-page")
    expect([asked.status, asked.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"])
    expect(asked.text).toContain("<h1>Who are you?</h1>")
    const again = { "if-none-match": asked.headers.get("etag") ?? "" }
    expect((await call("html-page", { headers: again })).status).toBe(304)
    const named = await call("html-page?name=Ada")
    expect(named.text).toContain("<h1>Hello, Ada!</h1>")
    expect(named.headers.get("set-cookie")).toMatch(/^name=Ada; Max-Age=86400; HttpOnly; SameSite=Lax$/)
  })

  it("json-api", async () => {
    const added = await call("json-api/items", { method: "POST", body: `{"title":"buy milk"}` })
    const item = JSON.parse(added.text) as { id: number }
    expect({ status: added.status, item }).toEqual({
      status: 201,
      item: { id: expect.any(Number), title: "buy milk", done: false }
    })
    const where = `json-api/items/${item.id}`
    expect(added.headers.get("location")).toBe(`items/${item.id}`)
    const changed = await call(where, { method: "PUT", body: `{"title":"buy milk","done":true}` })
    expect(JSON.parse(changed.text)).toEqual({ id: item.id, title: "buy milk", done: true })
    expect((await call(where, { method: "DELETE" })).status).toBe(204)
    expect(await call(where)).toMatchObject({ status: 404, text: `{"error":"there is no item ${item.id}"}` })
    expect(await call("json-api")).toMatchObject({
      status: 404,
      text: `{"error":"the routes are /items and /items/ID"}`
    })
  })

  it("primes", async () => {
    const { status, text } = await call("primes?limit=10000")
    expect({ status, body: JSON.parse(text) as unknown }).toEqual({
      status: 200,
      body: { limit: 10_000, count: 1229, largest: 9973, ms: expect.any(Number) }
    })
    expect((await call("primes?limit=1")).status).toBe(400)
  })

  it("upload", async () => {
    const form = new FormData()
    form.append("note", "hello")
    form.append("file", new File(["abc"], "abc.txt", { type: "text/plain" }))
    const { status, text } = await call("upload", { method: "POST", body: form })
    expect({ status, body: JSON.parse(text) as unknown }).toEqual({
      status: 200,
      body: {
        fields: { note: ["hello"] },
        files: [
          {
            field: "file",
            name: "abc.txt",
            type: expect.stringMatching(/^text\/plain/),
            size: 3,
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
          }
        ]
      }
    })
    const page = await call("upload")
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"])
    expect(page.text).toContain(`<form method="post" enctype="multipart/form-data">`)
  })

  it("webhook", async () => {
    expect(await call("webhook")).toMatchObject({ status: 405, text: `{"error":"use POST"}` })
    expect(await call("webhook", { method: "POST", body: "{}" })).toMatchObject({
      status: 503,
      text: `{"error":"WEBHOOK_SECRET is not set for this function"}`
    })
  })
})

it("an edited example, deployed by the CLI, changes the answer, and no request fails meanwhile", async () => {
  await server.printed(/^\s*curl /)
  const file = join(folder, "hello-world.ts")
  await cp(join(root, "examples", "hello-world.ts"), file)
  await writeFile(file, (await readFile(file, "utf8")).replaceAll("Hello, ", "Servus, "))

  const answers = new Map<string, number>()
  let going = true
  const loop = (async () => {
    while (going) {
      const response = await fetch(`${server.url}/functions/hello-world?name=Bob`)
      const body =
        response.status === 200 ? ((await response.json()) as { message: string }).message : "failed"
      answers.set(body, (answers.get(body) ?? 0) + 1)
    }
  })()
  const deployed = await type(`bunbase fn deploy hello-world ${file} --socket ${server.socketPath}`)
  expect(deployed).toMatchObject({ code: 0 })
  const after = await fetch(`${server.url}/functions/hello-world?name=Bob`)
  expect(await after.json()).toMatchObject({ message: "Servus, Bob!" })
  going = false
  await loop
  expect([...answers.keys()].filter((answer) => !answer.endsWith(", Bob!"))).toEqual([])
  expect(answers.get("Hello, Bob!")).toBeGreaterThan(0)
}, 60_000)

it("the CLI invokes, lists and describes what is there", async () => {
  const socket = `--socket ${server.socketPath}`
  const invoked = await type(`bunbase fn invoke hello-world ${socket}`)
  expect(JSON.parse(invoked.out)).toHaveProperty("message")
  const listed = await type(`bunbase fn list --json ${socket}`)
  expect(listed.out).toContain("hello-world")
  const versions = await type(`bunbase fn versions hello-world ${socket}`)
  expect(versions.out).toContain("v1")
})

it("without a server the CLI says so and exits 3", async () => {
  const { code, err } = await type(`bunbase fn list --socket ${join(folder, "nobody.sock")}`)
  expect(code).toBe(3)
  expect(err).toContain("bunbase serve --socket")
})
