import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import { cli, cliEnvironment, newFolder, program } from "../support/Cli.ts"

/** What a person at the terminal notices: progress, Ctrl-C, servers that are not what they seem. */

const folder = newFolder()
afterAll(folder.remove)
const servers: Array<{ stop: () => unknown }> = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** A management API that answers when it is told to. */
const slowServer = () => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async () => {
      asked.resolve()
      await answer.promise
      return Response.json({ functions: [] })
    }
  })
  servers.push({ stop: () => server.stop(true) })
  return { url: server.url.origin, asked: asked.promise, answer: answer.resolve }
}

const start = (args: ReadonlyArray<string>) =>
  Bun.spawn({
    cmd: [program, ...args],
    env: cliEnvironment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })

/** Reads until the text has come. */
const seen = async (stream: ReadableStream<Uint8Array>, text: string): Promise<string> => {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let all = ""
  try {
    while (!all.includes(text)) {
      const { done, value } = await reader.read()
      if (done) throw new Error(`it ended after: ${all}`)
      all += decoder.decode(value, { stream: true })
    }
  } finally {
    reader.releaseLock()
  }
  return all
}

describe("progress", () => {
  it("is told on stderr once it takes long, and leaves stdout alone", async () => {
    const server = slowServer()
    const child = start(["fn", "list", "--json", "--url", server.url])
    expect(await seen(child.stderr, "asking the server\n")).toBe("asking the server\n")
    server.answer()
    expect(JSON.parse(await child.stdout.text())).toEqual({ functions: [] })
    expect(await child.exited).toBe(0)
  })
})

describe("Ctrl-C", () => {
  it("ends a command quietly with exit code 130", async () => {
    const server = slowServer()
    const child = start(["fn", "list", "--url", server.url])
    await server.asked
    child.kill("SIGINT")
    expect(await child.exited).toBe(130)
    expect(await child.stdout.text()).toBe("")
    expect(await child.stderr.text()).not.toMatch(/error|at /)
  })
})

/** What the management API answers of a function without a version in force. */
const registered = {
  function_id: "func-0123456789abcdef",
  name: "slow",
  runtime: "bun",
  handler: "handler",
  status: "registered",
  state: "REGISTERED",
  active_version: null,
  memory_mb: 256,
  timeout_seconds: 30,
  max_concurrent_executions: 1000,
  warm_workers: 0,
  max_workers: 10,
  concurrency: 1,
  idle_timeout_seconds: 300,
  max_worker_invocations: 0,
  max_worker_age_seconds: 0,
  expose_errors: false,
  isolation: "worker",
  snapshot: false,
  capabilities: profileCapabilities.permissive,
  env: [],
  workers: { starting: 0, warm: 0, busy: 0, idle: 0, draining: 0 },
  quarantine: null,
  invocations: { ok: 0, failed: {}, cold_starts: {} },
  queued: 0,
  created_at: "2026-01-27T00:00:00.000Z",
  updated_at: "2026-01-27T00:00:00.000Z"
}

describe("Ctrl-C while the server deploys", () => {
  it("says that the server may still complete it, and where to look", async () => {
    const deploying = Promise.withResolvers<void>()
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        const { pathname } = new URL(request.url)
        if (pathname.endsWith("/deploy")) {
          deploying.resolve()
          return new Promise<Response>(() => {})
        }
        return Response.json(pathname.endsWith("/versions") ? { versions: [] } : registered)
      }
    })
    servers.push({ stop: () => server.stop(true) })
    writeFileSync(join(folder.path, "slow.ts"), "export default () => new Response()\n")
    const { origin } = server.url
    const child = start(["fn", "deploy", "slow", join(folder.path, "slow.ts"), "--url", origin])
    await deploying.promise
    child.kill("SIGINT")
    expect(await child.exited).toBe(130)
    expect(await child.stdout.text()).toBe("")
    expect(await child.stderr.text()).toMatch(
      new RegExp(`the server may still complete it: \\S+ fn versions slow --url ${origin}\n$`)
    )
  })
})

describe("a server that is none", () => {
  it("on HTTP: is told, without a stack", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response("<h1>It works!</h1>")
    })
    servers.push({ stop: () => server.stop(true) })
    const { code, stderr, stdout } = await cli(["fn", "list", "--url", server.url.origin])
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
    expect(stderr).toMatch(/^error: /)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  it("on a socket: is told, without a stack", async () => {
    const path = join(folder.path, "other.sock")
    const server = Bun.listen({
      unix: path,
      socket: { open: (socket) => void socket.end("220 mail.example.com ESMTP\r\n"), data: () => {} }
    })
    servers.push({ stop: () => server.stop(true) })
    const { code, stderr, stdout } = await cli(["fn", "list", "--socket", path])
    expect([1, 3]).toContain(code)
    expect(stdout).toBe("")
    expect(stderr).toMatch(/^error: /)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  it("wants a key: the command says which variable gives it", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        request.headers.get("authorization") === "Bearer 0123456789abcdef"
          ? Response.json({ functions: [] })
          : new Response(
              JSON.stringify({
                type: "urn:bunbase:problem:FN_009",
                title: "Unauthorized",
                status: 401,
                detail: "the management API needs the server's API key",
                code: "FN_009",
                retryable: false
              }),
              {
                status: 401,
                headers: { "content-type": "application/problem+json", "x-function-error": "FN_009" }
              }
            )
    })
    servers.push({ stop: () => server.stop(true) })
    const refused = await cli(["fn", "list", "--url", server.url.origin])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain("FN_009")
    expect(refused.stderr).toContain("FUNCTIONS_API_KEY")
    const env = { FUNCTIONS_API_KEY: "0123456789abcdef" }
    expect((await cli(["fn", "list", "--json", "--url", server.url.origin], { env })).code).toBe(0)
    const flag = ["--api-key", "0123456789abcdef"]
    expect((await cli(["fn", "list", "--json", "--url", server.url.origin, ...flag])).code).toBe(0)
  })
})
