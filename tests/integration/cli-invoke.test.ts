import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { until } from "../support/Api.ts"
import { cli, cliEnvironment, program } from "../support/Cli.ts"
import { cliSession } from "../support/CliSession.ts"

/** `bunbase fn invoke` against a real server, as a process of its own. */

const session = cliSession()
const { fn, write } = session

describe("fn invoke", () => {
  const echo = `export default async (req) => {
    const url = new URL(req.url)
    const status = Number(url.searchParams.get("status") ?? 200)
    if (url.pathname === "/echo") return new Response(await req.arrayBuffer(), { headers: { "content-type": "application/x" } })
    if (url.pathname === "/throw") throw new Error("secret words")
    return Response.json({
      method: req.method, path: url.pathname, query: url.search,
      a: req.headers.get("a"), b: req.headers.get("b"), type: req.headers.get("content-type"), body: await req.text()
    }, { status, headers: [["x-one", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]] })
  }`
  beforeAll(async () => {
    await fn(["deploy", "echo", write("echo.ts", echo)])
  })

  const both = (): ReadonlyArray<ReadonlyArray<string>> => [[], ["--url", session.server.url]]

  it("sends method, path, headers and body", async () => {
    for (const where of both()) {
      const { code, stdout } = await fn([
        "invoke",
        "echo",
        "--path",
        "/a/b?x=1&x=2",
        "-H",
        "A: one",
        "-H",
        "b:two",
        "--data",
        "é",
        "--method",
        "put",
        ...where
      ])
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        method: "PUT",
        path: "/a/b",
        query: "?x=1&x=2",
        a: "one",
        b: "two",
        body: "é"
      })
    }
  })

  it("takes GET without a body, and POST with one", async () => {
    expect(JSON.parse((await fn(["invoke", "echo"])).stdout)).toMatchObject({
      method: "GET",
      path: "/",
      query: ""
    })
    expect(JSON.parse((await fn(["invoke", "echo", "--data", ""])).stdout)).toMatchObject({
      method: "POST",
      body: ""
    })
  })

  it("brings bytes through, from stdin and from a file", async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256)
    writeFileSync(join(session.folder, "bytes.bin"), bytes)
    const digest = createHash("sha256").update(bytes).digest("hex")
    for (const where of both()) {
      for (const [data, options] of [
        ["-", { stdin: bytes }],
        ["@bytes.bin", {}]
      ] as const) {
        const result = await fn(["invoke", "echo", "--path", "/echo", "--data", data, ...where], options)
        expect(result.code).toBe(0)
        expect(createHash("sha256").update(result.bytes).digest("hex")).toBe(digest)
      }
    }
    expect(readFileSync(join(session.folder, "bytes.bin")).equals(Buffer.from(bytes))).toBe(true)
  })

  it("shows status and headers with --include", async () => {
    for (const where of both()) {
      const { code, stdout } = await fn(["invoke", "echo", "-i", "--path", "/?status=201", ...where])
      expect(code).toBe(0)
      const [head = "", body = ""] = stdout.split("\r\n\r\n")
      expect(head.split("\r\n")[0]).toBe("HTTP/1.1 201 Created")
      expect(head.split("\r\n")).toEqual(
        expect.arrayContaining([
          "x-one: 1",
          "set-cookie: a=1",
          "set-cookie: b=2",
          "content-type: application/json;charset=utf-8",
          expect.stringMatching(/^x-invocation-id: [0-9a-f]{8}-[0-9a-f-]{27}$/)
        ])
      )
      expect(head.match(/x-invocation-id/g)).toHaveLength(1)
      expect(JSON.parse(body)).toMatchObject({ path: "/" })
    }
  })

  it("exits with 0 below 400 and with 1 from there on, without a word", async () => {
    for (const [status, code] of [
      [204, 0],
      [302, 0],
      [404, 1],
      [503, 1]
    ] as const) {
      const result = await fn(["invoke", "echo", "--path", `/?status=${status}`])
      expect(result).toMatchObject({ code, stderr: "" })
    }
  })

  it("tells the service's errors from the function's answers", async () => {
    for (const where of both()) {
      const { code, stderr, stdout } = await fn(["invoke", "echo", "--path", "/throw", ...where])
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
      expect(stderr).toMatch(/^error: FN_004: the function threw an error\n/)
      expect(stderr).not.toContain("secret words")
    }
  })

  it("names the failed invocation, and a command that finds its lines in the log", async () => {
    const { stderr } = await fn(["invoke", "echo", "--path", "/throw"])
    const id = /\n {2}- invocation ([0-9a-f-]{36})\n/.exec(stderr)?.[1]
    const [line = "", typed = ""] = /^ {2}more of it is in the function's log: (grep .+)$/m.exec(stderr) ?? []
    expect(line).toContain(join(session.server.dataDir, "logs"))
    expect(typed).toContain(`grep ${id} `)
    await until(
      async () => {
        const shell = Bun.spawn(["sh", "-c", `${typed} || true`], { stdin: "ignore", stdout: "pipe" })
        return await new Response(shell.stdout).text()
      },
      (found) => found.includes("secret words")
    )
    const overHttp = await fn(["invoke", "echo", "--path", "/throw", "--url", session.server.url])
    expect(overHttp.stderr).toMatch(/\n {2}- invocation [0-9a-f-]{36}\n.* grep [0-9a-f-]{36} data\/logs/)
  })

  it("refuses a method that no function can have, the same by both doors", async () => {
    for (const where of both()) {
      const { code, stderr, stdout } = await fn(["invoke", "echo", "-X", "BOGUS", ...where])
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
      expect(stderr).toMatch(
        /^error: FN_006: this is not accepted\n {2}- --method: use one of GET, HEAD, POST, /
      )
      expect(await fn(["invoke", "echo", "-X", "propfind", ...where])).toMatchObject({ code: 0, stderr: "" })
    }
  })

  it("explains why a body does not fit into the socket, and that HTTP takes larger ones", async () => {
    const { code, stderr } = await fn(["invoke", "echo", "--data", "-"], {
      stdin: new Uint8Array(13_000_000)
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: FN_006: the request is larger than 16777203 bytes\n/)
    expect(stderr).toMatch(
      / {2}one frame of the socket holds 16 MiB, a body in it as base64, .*HTTP \(--url\), .*--max-request-bytes/
    )
  })

  it("names the option behind a body that is too large, with exit code 2", async () => {
    const stdin = new Uint8Array(10 * 1024 * 1024 + 1)
    for (const where of both()) {
      const { code, stderr, stdout } = await fn(["invoke", "echo", "--data", "-", ...where], { stdin })
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
      expect(stderr).toMatch(/^error: FN_006: the request body is larger than 10485760 bytes\n/)
      expect(stderr).toContain("  the server's option --max-request-bytes sets this limit\n")
    }
  })

  it("says that a time-out may be tried again, and what that may mean", async () => {
    const source = write("late.ts", "export default () => new Promise(() => {})")
    await fn(["deploy", "late", source, "--timeout-seconds", "0.05"])
    for (const where of both()) {
      const { code, stderr } = await fn(["invoke", "late", ...where])
      expect(code).toBe(1)
      expect(stderr).toMatch(/^error: FN_002: /)
      expect(stderr).toContain("\n  - retryable, but it may have run already: try again if")
    }
    const { body, status } = await fetch(`${session.server.url}/functions/late`).then(async (response) => ({
      status: response.status,
      body: (await response.json()) as unknown
    }))
    expect({ status, body }).toMatchObject({ status: 504, body: { code: "FN_002", retryable: true } })
  })

  it("ends with a line break on a terminal, and only there", async () => {
    for (const [body, shown] of [
      ["no end", "no end\r\n"],
      ["an end\n", "an end\r\n"]
    ] as const) {
      const args = [
        "fn",
        "invoke",
        "echo",
        "--path",
        "/echo",
        "--data",
        body,
        "--socket",
        session.server.socketPath
      ]
      expect((await cli(args)).stdout).toBe(body)
      let seen = ""
      const decoder = new TextDecoder()
      const ended = Promise.withResolvers<void>()
      const child = Bun.spawn([program, ...args], {
        env: cliEnvironment(),
        terminal: {
          data: (_, chunk) => void (seen += decoder.decode(chunk, { stream: true })),
          exit: () => ended.resolve()
        }
      })
      await ended.promise
      expect(await child.exited).toBe(0)
      expect(seen).toBe(shown)
    }
  })

  it("says when a file is not there", async () => {
    const { code, stderr } = await fn(["invoke", "echo", "--data", "@nothing.bin"])
    expect(code).toBe(1)
    expect(stderr).toContain("cannot read nothing.bin: there is no such file")
  })
})
