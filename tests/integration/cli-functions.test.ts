import { describe, expect, it } from "vitest"
import type { FunctionView, VersionView } from "../../src/client/index.ts"
import { cli } from "../support/Cli.ts"
import { startServer } from "../support/TestServer.ts"
import { cliSession } from "../support/CliSession.ts"

/** The commands against a real server, as processes of their own. */

const session = cliSession()
const { fn, write } = session
const answering = (text: string) => `export default () => new Response(${JSON.stringify(text)})\n`
const json = async <A>(args: ReadonlyArray<string>): Promise<A> => {
  const { code, stderr, stdout } = await fn([...args, "--json"])
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  return JSON.parse(stdout) as A
}

describe("fn deploy", () => {
  it("registers, deploys, and says how to call the function", async () => {
    const source = write("first.ts", answering("one"))
    const { code, stderr, stdout } = await fn(["deploy", "first", source])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/^registered first \(func-[0-9a-z]{16}\) on bun\n/)
    expect(stdout).toMatch(/\nbuilt first\.ts: \d+ B from 1 file\n/)
    expect(stdout).toMatch(/\ndeployed first v1 in [\d.]+ m?s\n/)
    // The socket tells where HTTP is: this server's port is no default.
    expect(stdout).toContain(`\n  curl ${session.server.url}/functions/first\n`)
    expect(stdout).toContain("bunbase fn invoke first")
    expect(await (await fetch(`${session.server.url}/functions/first`)).text()).toBe("one")
  })

  it("counts versions up, and says when nothing changed", async () => {
    const source = write("counting.ts", answering("one"))
    await fn(["deploy", "counting", source])
    const again = await fn(["deploy", "counting", source])
    expect(again).toMatchObject({ code: 0, stdout: "nothing changed: counting v1 is exactly this code\n" })
    write("counting.ts", answering("two"))
    expect((await fn(["deploy", "counting", source])).stdout).toContain("deployed counting v2 (was v1)")
    write("counting.ts", answering("three"))
    expect((await fn(["deploy", "counting", source, "--version", "2026-01-28"])).stdout).toContain(
      "deployed counting 2026-01-28 (was v2)"
    )
    write("counting.ts", answering("four"))
    expect((await fn(["deploy", "counting", source])).stdout).toContain(
      "deployed counting v3 (was 2026-01-28)"
    )
    const { versions } = await json<{ versions: Array<VersionView> }>(["versions", "counting"])
    expect(versions.map(({ active, version }) => [version, active]).sort()).toEqual([
      ["2026-01-28", false],
      ["v1", false],
      ["v2", false],
      ["v3", true]
    ])
  })

  it("deploys over HTTP, and prints a curl line that works", async () => {
    const source = write("http.ts", answering("over http"))
    const { code, stdout } = await cli(["fn", "deploy", "by-http", source, "--url", session.server.url], {
      cwd: session.folder
    })
    expect(code).toBe(0)
    const line = stdout.split("\n").find((one) => one.trim().startsWith("curl ")) ?? ""
    const child = Bun.spawn(["sh", "-c", line.replace("curl", "curl -sS")], { stdin: "ignore" })
    expect(await child.stdout.text()).toBe("over http")
  })

  it("sets what the function is when it registers it, and refuses to change it later", async () => {
    const source = write(
      "settings.ts",
      "export const main = () => new Response(process.env.GREETING)\nexport const other = 1\n"
    )
    const flags = [
      "--handler",
      "main",
      "--memory-mb",
      "128",
      "--timeout-seconds",
      "2.5",
      "--warm-workers",
      "1"
    ]
    const more = ["--env", "GREETING=hi there=x", "--profile", "permissive", "--expose-errors"]
    expect(await fn(["deploy", "settings", source, ...flags, ...more])).toMatchObject({ code: 0, stderr: "" })
    const view = await json<FunctionView>(["get", "settings"])
    expect(view).toMatchObject({
      handler: "main",
      memory_mb: 128,
      timeout_seconds: 2.5,
      warm_workers: 1,
      expose_errors: true,
      env: ["GREETING"],
      capabilities: { profile: "permissive" }
    })
    expect((await fn(["invoke", "settings"])).stdout).toBe("hi there=x")

    expect(await fn(["deploy", "settings", source, ...flags])).toMatchObject({ code: 0 })
    const changed = await fn(["deploy", "settings", source, "--memory-mb", "64", "--env", "GREETING=bye"])
    expect(changed.code).toBe(1)
    expect(changed.stderr).toContain("--memory-mb: it is 128, not 64")
    expect(changed.stderr).toContain("--env")
    expect(changed.stderr).toContain("another name")
  })

  it("prints JSON", async () => {
    const source = write("machine.ts", answering("one"))
    expect(await json(["deploy", "machine", source])).toMatchObject({
      outcome: "deployed",
      name: "machine",
      version: "v1",
      registered: true,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/)
    })
    expect(await json(["deploy", "machine", source])).toMatchObject({ outcome: "unchanged", version: "v1" })
  })

  it("leaves the active version in force when the build fails, and tells file, line and column", async () => {
    const source = write("broken.ts", answering("fine"))
    await fn(["deploy", "broken", source])
    write("broken.ts", "export default () => {\n  return ;;;)\n}\n")
    const { code, stderr, stdout } = await fn(["deploy", "broken", source])
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
    expect(stderr).toMatch(/^error: broken\.ts cannot be built: it has an error\n {2}- broken\.ts:2:13: /)
    expect((await fn(["invoke", "broken"])).stdout).toBe("fine")
  })

  it.each([
    [
      "no handler",
      "export const other = 1",
      'there is no default export, nor is there a function "handler"; it exports other'
    ],
    [
      "a throw at the top level",
      "throw new Error('not today')\nexport default () => 1",
      "refused.ts:1:11: not today"
    ]
  ])("tells what the server finds: %s", async (_, code, words) => {
    const source = write("refused.ts", code)
    expect(await fn(["deploy", "refused", source])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: `error: FN_005: ${words}\n  nothing was deployed\n`
    })
  })

  it("refuses another content under the same version", async () => {
    const source = write("same.ts", answering("one"))
    await fn(["deploy", "same", source, "--version", "1.0.0"])
    write("same.ts", answering("two"))
    const { code, stderr } = await fn(["deploy", "same", source, "--version", "1.0.0"])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^error: FN_005: version "1\.0\.0" exists with other content \(.+\); a version never changes: deploy this under a new version\n {2}nothing was deployed; version 1\.0\.0 of same still serves\n$/
    )
  })

  it("says what this server cannot do", async () => {
    const source = write("tiny.ts", answering("x"))
    const { code, stderr } = await fn(["deploy", "tiny", source, "--profile", "strict"])
    expect(code).toBe(2)
    expect(stderr).toContain('cannot enforce the profile "strict" on bun')
    const bad = await fn(["deploy", "tiny", source, "--version", "a/b"])
    expect(bad.code).toBe(2)
    expect(bad.stderr).toContain("version: ")
  })

  it("deploys a bundle that fits into no frame of the socket", async () => {
    write("large.txt", "0123456789abcdef".repeat(1024 * 1024))
    const source = write(
      "large.ts",
      `import text from "./large.txt" with { type: "text" }\nexport default () => new Response(String(text.length))`
    )
    const roomy = await startServer({
      flags: [
        "--max-bundle-bytes",
        String(20 * 1024 * 1024),
        "--max-buffered-bytes",
        String(64 * 1024 * 1024)
      ]
    })
    try {
      const env = { FUNCTIONS_SOCKET: roomy.socketPath }
      expect(await fn(["deploy", "large", source], { env })).toMatchObject({ code: 0 })
      expect((await fn(["invoke", "large"], { env })).stdout).toBe(String(16 * 1024 * 1024))
    } finally {
      await roomy.dispose()
    }
  })

  it("fails no request while it changes a function", async () => {
    const source = write("traffic.ts", answering("v1"))
    await fn(["deploy", "traffic", source])
    const seen = new Map<string, number>()
    let going = true
    const call = async () => {
      const answer = await fetch(`${session.server.url}/functions/traffic`)
      const key = `${answer.status} ${await answer.text()}`
      seen.set(key, (seen.get(key) ?? 0) + 1)
    }
    const client = async () => {
      while (going) await call()
    }
    await call()
    const clients = [client(), client()]
    for (const version of ["v2", "v3"]) {
      write("traffic.ts", answering(version))
      expect(await fn(["deploy", "traffic", source])).toMatchObject({ code: 0 })
      await call()
    }
    going = false
    await Promise.all(clients)
    expect([...seen.keys()].sort()).toEqual(["200 v1", "200 v2", "200 v3"])
  })
})

describe("fn list, get, versions", () => {
  it("show tables for people and JSON for machines", async () => {
    await fn(["deploy", "shown", write("shown.ts", answering("x"))])
    const list = await fn(["list"])
    expect(list).toMatchObject({ code: 0, stderr: "" })
    expect(list.stdout).toMatch(/^NAME +RUNTIME +STATE +VERSION +WORKERS +QUEUED +UPDATED\n/)
    expect(list.stdout).toMatch(/\nshown +bun +[A-Z]+ +v1 +\d+ +0 +\d{4}-\d\d-\d\d \d\d:\d\dZ\n/)
    const { functions } = await json<{ functions: Array<FunctionView> }>(["list"])
    expect(functions.map(({ name }) => name)).toContain("shown")

    const get = await fn(["get", "shown"])
    expect(get.stdout).toMatch(/^shown +func-/)
    expect(get.stdout).toMatch(/\nversion +v1\n/)
    expect((await json<FunctionView>(["get", "shown"])).active_version).toBe("v1")
    const { function_id } = await json<FunctionView>(["get", "shown"])
    expect((await fn(["get", function_id])).stdout).toContain("shown")

    const versions = await fn(["versions", "shown"])
    expect(versions.stdout).toMatch(
      /^VERSION +ACTIVE +SIZE +SHA-256 +CREATED\nv1 +yes +\d+ B +[0-9a-f]{12} +\d{4}/
    )
  })

  it("say when there is nothing", async () => {
    const empty = await startServer()
    try {
      const list = await cli(["fn", "list", "--socket", empty.socketPath])
      expect(list).toMatchObject({ code: 0, stdout: "" })
      expect(list.stderr).toContain("bunbase fn init hello")
      const { stdout } = await cli(["fn", "list", "--json", "--socket", empty.socketPath])
      expect(JSON.parse(stdout)).toEqual({ functions: [] })
    } finally {
      await empty.dispose()
    }
  })

  it.each([["get"], ["versions"], ["invoke"]])("fn %s: says when there is no such function", async (name) => {
    for (const where of [[], ["--url", session.server.url]]) {
      const { code, stderr, stdout } = await fn([name, "nobody", ...where])
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
      expect(stderr).toBe(
        'error: FN_001: no function is called "nobody"\n  list them with: bunbase fn list\n'
      )
    }
  })
})
