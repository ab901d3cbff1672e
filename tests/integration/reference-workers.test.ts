import { readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { plainPath } from "../support/Cli.ts"

/**
 * The smallest workers, in JavaScript and in Python, which were written from spec/worker-protocol.md alone: that they still do
 * the simple things, without the conformance suite.
 */

const root = fileURLToPath(new URL("../..", import.meta.url))

interface Reference {
  readonly source: string
  readonly command: ReadonlyArray<string>
  readonly functions: string
  readonly extension: string
  readonly javascript: boolean
}

const node: Reference = {
  source: `${root}fixtures/workers/node-minimal/worker.mjs`,
  command: ["node", `${root}fixtures/workers/node-minimal/worker.mjs`],
  functions: `${root}fixtures/functions/conformance`,
  extension: "js",
  javascript: true
}
const python: Reference = {
  source: `${root}fixtures/workers/python-minimal/worker.py`,
  command: ["python3", `${root}fixtures/workers/python-minimal/worker.py`],
  functions: `${root}fixtures/workers/python-minimal/functions`,
  extension: "py",
  javascript: false
}

interface Message {
  readonly id: string
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

const start = ({ command, extension, functions }: Reference, name: string, ...options: Array<string>) => {
  const [program = "", ...rest] = command
  const path = Bun.which(program, { PATH: plainPath })
  if (path === null) throw new Error(`these tests need ${program}`)
  const child = Bun.spawn([path, ...rest, "--bundle", `${functions}/${name}.${extension}`, ...options], {
    stdio: ["pipe", "pipe", "inherit"],
    cwd: tmpdir(),
    env: { PATH: plainPath }
  })
  onTestFinished(async () => {
    child.kill("SIGKILL")
    await child.exited
  })
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let read = ""
  const hear = async (): Promise<Message | "the end"> => {
    while (!read.includes("\n")) {
      const { done, value } = await reader.read()
      if (done) return "the end"
      read += value
    }
    const line = read.slice(0, read.indexOf("\n"))
    read = read.slice(line.length + 1)
    return JSON.parse(line) as Message
  }
  return {
    hear,
    say: async (text: string): Promise<void> => {
      child.stdin.write(text)
      await child.stdin.flush()
    },
    closeStdin: async (): Promise<void> => void (await child.stdin.end()),
    exited: child.exited
  }
}

const ready: Message = { id: "", type: "ready", payload: {} }
const base64 = (text: string): string => Buffer.from(text).toString("base64")

const invoke = (
  id: string,
  { body = "", headers = {}, method = "GET", path = "/", query = {} } = {}
): string =>
  `${JSON.stringify({
    id,
    type: "invoke",
    payload: { method, path, headers, query, body: base64(body), deadline_ms: 30_000, url: path }
  })}\n`

/** Has the function `script` do something. */
const script = (id: string, ...actions: ReadonlyArray<ReadonlyArray<unknown>>): string =>
  invoke(id, { method: "POST", body: JSON.stringify(actions) })

const answered = (id: string, text: string): object => ({
  id,
  type: "response",
  payload: { status: 200, body: base64(text) }
})

describe.each([
  ["node-minimal", node],
  ["python-minimal", python]
] as const)("fixtures/workers/%s", (_name, reference) => {
  it("says ready, answers, and ends with 0 at the end of stdin", async () => {
    const worker = start(reference, "hello")
    expect(await worker.hear()).toEqual(ready)
    await worker.say(invoke("i-1"))
    expect(await worker.hear()).toEqual({
      id: "i-1",
      type: "response",
      payload: { status: 200, headers: { "content-type": "text/plain" }, body: base64("hello") }
    })
    await worker.closeStdin()
    expect(await worker.hear()).toBe("the end")
    expect(await worker.exited).toBe(0)
  })

  it("hands the request to the handler, and its answer back", async () => {
    const worker = start(reference, "echo")
    expect(await worker.hear()).toEqual(ready)
    const sent = { method: "PROPFIND", path: "/a%20b", query: { q: "1 2" }, headers: { "x-a": "é" } }
    await worker.say(invoke("naïve 1", { ...sent, body: "bödy\0" }))
    const answer = (await worker.hear()) as Message
    expect(answer).toMatchObject(answered("naïve 1", "bödy\0"))
    const { "x-seen": seen } = answer.payload["headers"] as { readonly "x-seen": string }
    const request = JSON.parse(Buffer.from(seen, "base64").toString()) as Record<string, Array<unknown>>
    expect(request).toMatchObject({ method: "PROPFIND", path: "/a%20b", query: [["q", "1 2"]] })
    expect(request["headers"]).toContainEqual(["x-a", "é"])
    expect(request["headers"]).toContainEqual(["x-invocation-id", "naïve 1"])
  })

  it("tells that a handler throws, and what is no answer, and serves on", async () => {
    const worker = start(reference, "script")
    expect(await worker.hear()).toEqual(ready)
    await worker.say(script("i-1", ["throw", "no such thing"]))
    expect(await worker.hear()).toMatchObject({
      id: "i-1",
      type: "error",
      payload: {
        message: "no such thing",
        code: "HANDLER_ERROR",
        stack: expect.stringContaining("no such thing")
      }
    })
    await worker.say(script("i-2", ["nothing"]))
    expect(await worker.hear()).toMatchObject({
      id: "i-2",
      type: "error",
      payload: { code: "INVALID_RESPONSE" }
    })
    await worker.say(script("i-3", ["answer", { status: 600 }]))
    expect(await worker.hear()).toMatchObject({
      id: "i-3",
      type: "error",
      payload: { code: "INVALID_RESPONSE" }
    })
    await worker.say(script("i-4", ["answer", { text: "still here" }]))
    expect(await worker.hear()).toMatchObject(answered("i-4", "still here"))
  })

  it("sends log lines with their invocation's id, ahead of its answer", async () => {
    const worker = start(reference, "script")
    expect(await worker.hear()).toEqual(ready)
    const levels = ["debug", "info", "warn", "error"]
    await worker.say(script("i-1", ...levels.map((level) => ["log", level, `a ${level}`])))
    for (const level of levels)
      expect(await worker.hear()).toEqual({
        id: "i-1",
        type: "log",
        payload: { level, message: `a ${level}` }
      })
    expect(await worker.hear()).toMatchObject(answered("i-1", ""))
  })

  it("answers one invocation after the other, whatever stands between them", async () => {
    const worker = start(reference, "script")
    const first = invoke("i-1", { method: "POST", body: '[["log","info","one"],["answer",{"text":"é"}]]' })
    const others = [
      "",
      "{no json",
      "[]",
      '{"id":"p","type":"ping","payload":{}}',
      '{"id":"i-0","type":"invoke"}'
    ]
    // before it is ready, and in two pieces
    await worker.say(first.slice(0, 40))
    expect(await worker.hear()).toEqual(ready)
    await worker.say(first.slice(40) + others.map((line) => `${line}\n`).join("") + script("i-1"))
    expect(await worker.hear()).toMatchObject({ id: "i-1", type: "log", payload: { message: "one" } })
    expect(await worker.hear()).toMatchObject(answered("i-1", "é"))
    expect(await worker.hear()).toMatchObject({
      id: "i-0",
      type: "error",
      payload: { code: "HANDLER_ERROR" }
    })
    expect(await worker.hear()).toMatchObject(answered("i-1", ""))
  })

  it("takes the handler that is named where there is no default one", async () => {
    const worker = start(reference, "named", "--later", "option", "--handler", "second")
    expect(await worker.hear()).toEqual(ready)
    await worker.say(invoke("i-1"))
    expect(await worker.hear()).toMatchObject(answered("i-1", "second"))
  })

  it.each([
    ["absent", "BUNDLE_LOAD_ERROR"],
    ["invalid/syntax-error", "BUNDLE_LOAD_ERROR"],
    ["invalid/throws", "BUNDLE_LOAD_ERROR"],
    ["invalid/no-handler", "NO_HANDLER"],
    ["named", "NO_HANDLER"]
  ])("says why it cannot load %s, and ends with 1", async (name, code) => {
    const worker = start(reference, name)
    expect(await worker.hear()).toMatchObject({ id: "", type: "error", payload: { code } })
    expect(await worker.hear()).toBe("the end")
    expect(await worker.exited).toBe(1)
  })

  it("has less than 200 lines, which name all that the document asks of a worker of version 1.0", () => {
    const source = readFileSync(reference.source, "utf8")
    expect(source.trimEnd().split("\n").length).toBeLessThan(200)
    const named = new Set(source.match(/WP-\d{3}/g))
    for (const [, from, to] of source.matchAll(/WP-(\d{3}) to WP-(\d{3})/g))
      for (let number = Number(from); number <= Number(to); number += 1)
        named.add(`WP-${String(number).padStart(3, "0")}`)
    const { requirements } = JSON.parse(readFileSync(`${root}spec/requirements.json`, "utf8")) as {
      readonly requirements: ReadonlyArray<{
        readonly id: string
        readonly roles: ReadonlyArray<string>
        readonly since: string
        readonly javascript: boolean
      }>
    }
    const asked = requirements.filter(
      ({ javascript, roles, since }) =>
        roles.includes("worker") && since === "1.0" && (reference.javascript || !javascript)
    )
    expect(asked.length).toBeGreaterThan(40)
    expect(asked.map(({ id }) => id).filter((id) => !named.has(id))).toEqual([])
  })
})
