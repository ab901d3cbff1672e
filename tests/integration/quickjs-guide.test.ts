import { Database } from "bun:sqlite"
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
import { cli } from "../support/Cli.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/**
 * The customer's deployment guide for QuickJS-NG, command by command: what it has one type is typed here, in a folder in
 * which `data/` is the data folder. Only the function's id, which the guide takes for `func-` and its name, is the real one.
 */
const sources = fileURLToPath(new URL("../../", import.meta.url))

let home = ""
let server: TestServer
let functionId = ""
let deployed: Awaited<ReturnType<typeof cli>>

/** Runs a line as the guide has it. */
const type = async (line: string): Promise<{ readonly code: number; readonly stdout: string }> => {
  const child = Bun.spawn(["/bin/sh", "-c", line], { cwd: home, stdio: ["ignore", "pipe", "pipe"] })
  const stdout = await child.stdout.text()
  return { code: await child.exited, stdout }
}

/** The SQL of a line `sqlite3 FILE "SQL"`, by Bun's SQLite, as sqlite3 prints it; and by sqlite3 itself, where it is installed. */
const query = async (line: string): Promise<string> => {
  const [, file, sql] = /^sqlite3 (\S+) "(.+)"$/.exec(line) ?? []
  if (file === undefined || sql === undefined) throw new Error(`not a line for sqlite3: ${line}`)
  const database = new Database(join(home, file), { readonly: true })
  const rows = database.query(sql).values()
  database.close()
  const printed = rows.map((row) => row.join("|")).join("\n")
  if (Bun.which("sqlite3") !== null) expect((await type(line)).stdout.trim()).toBe(printed)
  return printed
}

describeOnQuickJs("the guide", () => {
  beforeAll(async () => {
    home = realpathSync(mkdtempSync(join(tmpdir(), "bunbase-guide-")))
    server = await startServer({ dataDir: join(home, "data") })
    deployed = await cli(
      [
        ...["fn", "deploy", "hello", "examples/quickjs-hello.ts"],
        ...[
          "--runtime",
          "quickjs-ng",
          "--version",
          "v1",
          "--profile",
          "strict",
          "--socket",
          server.socketPath
        ]
      ],
      { cwd: sources }
    )
    functionId = /func-[0-9a-z]{16}/.exec(deployed.stdout)?.[0] ?? ""
  })
  afterAll(async () => {
    await server.dispose()
    rmSync(home, { recursive: true, force: true })
  })

  it("deploys", () => {
    expect(deployed).toMatchObject({ code: 0, stderr: "" })
    expect(deployed.stdout).toContain("on quickjs-ng")
    expect(functionId).not.toBe("")
  })

  it("checks the database", async () => {
    expect(
      await query(
        `sqlite3 data/metadata.db "SELECT name, runtime, status FROM functions WHERE name = 'hello';"`
      )
    ).toBe("hello|quickjs-ng|deployed")
    expect(await query(`sqlite3 data/metadata.db "SELECT status FROM functions WHERE name = 'hello';"`)).toBe(
      "deployed"
    )
    expect(
      await query(`sqlite3 data/metadata.db "SELECT runtime FROM functions WHERE name = 'hello';"`)
    ).toBe("quickjs-ng")
  })

  it("checks that the bundle exists", async () => {
    const { code, stdout } = await type(`ls -lh data/bundles/${functionId}/v1/bundle.js`)
    expect(code).toBe(0)
    expect(stdout).toContain(`data/bundles/${functionId}/v1/bundle.js`)
  })

  it("calls the function", async () => {
    const answer = await fetch(`${server.url}/functions/hello?name=Alice`)
    expect(answer.status).toBe(200)
    const body = (await answer.json()) as Record<string, string>
    expect(Object.keys(body)).toEqual(["message", "timestamp", "method", "path"])
    expect(body).toMatchObject({ message: "Hello, Alice!", method: "GET", path: "/" })
    expect(Math.abs(Date.parse(body["timestamp"] as string) - Date.now())).toBeLessThan(60_000)
    const curl = Bun.which("curl")
    const typed =
      curl === null ? "" : (await type(`curl -s '${server.url}/functions/hello?name=Alice'`)).stdout
    expect(typed).toMatch(
      curl === null ? /^$/ : /^{"message":"Hello, Alice!","timestamp":"[^"]+","method":"GET","path":"\/"}$/
    )
  })

  it("keeps v1 beside v2", async () => {
    const again = await cli(
      [
        ...["fn", "deploy", "hello", "examples/hello-world.ts"],
        ...["--version", "v2", "--socket", server.socketPath]
      ],
      { cwd: sources }
    )
    expect(again).toMatchObject({ code: 0, stderr: "" })
    expect((await type(`ls data/bundles/${functionId}`)).stdout.trim().split("\n")).toEqual(["v1", "v2"])
    expect(await (await fetch(`${server.url}/functions/hello?name=Bob`)).json()).toMatchObject({
      message: "Hello, Bob!"
    })
  })

  it("means strict: no network, no files, no programs, no code from text", async () => {
    const source = join(home, "escape.ts")
    await Bun.write(
      source,
      `
      const attempt = async (what: () => unknown) => {
        try { return "did: " + String(await what()) } catch (error) { return (error as Error).name + ": " + (error as Error).message }
      }
      export default async () => Response.json({
        network: await attempt(() => fetch("${server.url}/health")),
        code: await attempt(() => (0, eval)("1 + 1")),
        made: await attempt(() => new Function("return 1")()),
        built: await attempt(() => (async () => {}).constructor("return 1")()),
        files: await attempt(() => import(["node", "fs"].join(":"))),
        process: await attempt(() => (process as any).binding("fs")),
        globals: ["Bun", "require", "std", "os", "Deno"].filter((name) => name in globalThis)
      })`
    )
    const made = await cli([
      ...["fn", "deploy", "escape", source],
      ...["--runtime", "quickjs-ng", "--profile", "strict", "--socket", server.socketPath]
    ])
    expect(made).toMatchObject({ code: 0, stderr: "" })
    const tried = (await (await fetch(`${server.url}/functions/escape`)).json()) as Record<string, string>
    expect(tried["network"]).toContain("not allowed")
    for (const what of ["code", "made", "built", "files", "process"]) {
      expect([what, tried[what]]).toEqual([what, expect.not.stringMatching(/^did/)])
    }
    expect(tried["globals"]).toEqual([])
  })

  it("answers FN_009 where a function does not catch that", async () => {
    const source = join(home, "fetches.ts")
    await Bun.write(source, `export default () => fetch("http://example.com/")`)
    await cli(["fn", "deploy", "fetches", source, "--runtime", "quickjs-ng", "--socket", server.socketPath])
    const answer = await fetch(`${server.url}/functions/fetches`)
    expect(answer.status).toBe(403)
    expect(await answer.json()).toMatchObject({ code: "FN_009" })
  })
})
