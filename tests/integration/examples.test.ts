import { createHash, createHmac } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { FunctionView } from "../../src/protocol/Management.ts"
import { getFunction, until } from "../support/Api.ts"
import { cli, plainPath } from "../support/Cli.ts"
import { isBuilt } from "../support/ForkedRuntime.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const examples = join(root, "examples")

/** The examples as a newcomer meets them: deployed by `serve --examples`, called over HTTP. */

let server: TestServer
beforeAll(async () => {
  server = await startServer({ flags: ["--examples"] })
  await server.printed(/curl /)
})
afterAll(() => server.dispose())

const call = (path: string, init?: RequestInit) => fetch(`${server.url}/functions/${path}`, init)

/**
 * What a comment has one type or open, and the answer that it shows (`→`), line by line: all that is set in by three spaces,
 * or follows a colon and two spaces. What stands behind two spaces more is a remark.
 */
const typedIn = (
  example: string
): ReadonlyArray<{ readonly line: string; readonly shown: string | null }> => {
  const [comment = ""] = readFileSync(join(examples, `${example}.ts`), "utf8").split(/^(?!\/\/)/m)
  const found: Array<{ line: string; shown: string | null }> = []
  for (const text of comment.split("\n")) {
    const said = /^\/\/ {3}(\S.*)$/.exec(text)?.[1] ?? /: {2}(bunbase .*)$/.exec(text)?.[1]
    const line = said?.split(/ {2,}/)[0]
    const last = found.at(-1)
    if (line === undefined || line.startsWith("X-")) continue
    if (line.startsWith("→ ") && last !== undefined) last.shown = line.slice(2)
    else found.push({ line, shown: null })
  }
  return found
}

/** What was shown, with `…` for anything, and other times and milliseconds. */
const asShown = (shown: string): RegExp => {
  const text = shown.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, "…")
  const parts = text.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
  return new RegExp(`^${parts.join("[^]*")}$`)
}

describe("what the comments of the examples have one type", () => {
  it.each(readdirSync(examples).map((file) => basename(file, ".ts")))("works: %s", async (example) => {
    expect(Bun.which("curl"), "curl has to be installed: the comments have one type it").not.toBeNull()
    const lines = typedIn(example).map(({ line, shown }) => ({
      shown,
      line: line
        .replaceAll("http://127.0.0.1:8080", server.url)
        .replace(/^bunbase (.*)$/, `bunbase $1 --socket '${server.socketPath}'`)
        .replace(/^(http\S+)$/, "curl '$1'")
        .replace(/\bcurl /, "curl -sS --fail-with-body ")
        // An ETag is whatever the page has.
        .replace('If-None-Match: "…"', "If-None-Match: *")
    }))
    expect(lines.length).toBeGreaterThan(0)
    // One shell for all of them, as a terminal is: variables go from line to line. A mark stands behind each output.
    const script = lines.map(({ line }) => `${line}\nprintf '\\n%s\\n' "--- $?"`).join("\n")
    const shell = Bun.spawn(["sh", "-c", script], {
      cwd: root,
      env: { PATH: `${join(root, "bin")}:${plainPath}`, HOME: server.dataDir, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"]
    })
    const [out, err] = await Promise.all([shell.stdout.text(), shell.stderr.text()])
    const answers = out.split(/\n--- (\d+)\n/)
    const told = lines.map(({ line }, i) => ({ line, status: answers[2 * i + 1], err }))
    // Where the worker could not be built, that is what one is told.
    const [status, said] = example.startsWith("quickjs-") && !isBuilt ? ["1", "FN_006"] : ["0", ""]
    expect(told).toEqual(lines.map(({ line }) => ({ line, status, err: expect.stringContaining(said) })))
    for (const [i, { shown }] of lines.entries()) {
      expect(answers[2 * i]).toMatch(shown === null ? /^/ : asShown(shown))
    }
  })
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
    const isBusy = (view: FunctionView): boolean => view.workers.busy > 0
    await until(() => getFunction(server, "primes"), isBusy)
    abort.abort()
    expect(await running).toBeInstanceOf(Error)
    await until(
      () => getFunction(server, "primes"),
      (view) => !isBusy(view)
    )
  })
})
