import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { buildBundle } from "../../src/build/Bundler.ts"
import { register, until } from "../support/Api.ts"
import { guestRuntimes } from "../support/GuestProcess.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

let server: TestServer
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bunbase-logs-"))
  server = await startServer()
})
afterAll(async () => {
  await server.dispose()
  await rm(folder, { recursive: true, force: true })
})

const lines = async (): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const logs = join(server.dataDir, "logs")
  const files = (await readdir(logs)).filter((name) => name.endsWith(".jsonl"))
  const texts = await Promise.all(files.map((name) => readFile(join(logs, name), "utf8")))
  return texts
    .join("")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

it.each(guestRuntimes)(
  "a thrown error is logged with its stack in the TypeScript it was written in, and one record tells its outcome: %s",
  async (runtime) => {
    const name = `thrower-${runtime}`
    const id = `the-one-${runtime}`
    const file = join(folder, "thrower.ts")
    await writeFile(
      file,
      [
        "interface Unused { readonly a: number }",
        "",
        "const fail = (what: string): never => {",
        "  throw new Error(`deliberate ${what}`)",
        "}",
        "",
        "export default (req: Request): Response => {",
        "  console.log('about to fail', { path: new URL(req.url).pathname })",
        "  const never = fail('failure')",
        "  return never",
        "}"
      ].join("\n")
    )
    const { code, sourceMap } = await Effect.runPromise(buildBundle(file, { runtime }))
    await register(server, name, { runtime })
    const deployed = await fetch(`${server.url}/api/functions/${name}/deploy`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ version: "v1", bundle: code, source_map: sourceMap })
    })
    expect(deployed.status).toBe(200)
    const response = await fetch(`${server.url}/functions/${name}/here`, {
      headers: { "x-invocation-id": id }
    })
    expect(response.status).toBe(500)

    const mine = await until(
      async () => (await lines()).filter((line) => JSON.stringify(line).includes(id)),
      (found) => found.length >= 3
    )
    const text = mine.map((line) => JSON.stringify(line)).join("\n")
    expect(text).toContain("about to fail")
    expect(text).toContain("deliberate failure")
    expect(text).toMatch(/thrower\.ts:4:/)
    expect(text).toMatch(/thrower\.ts:9:/)
    expect(mine.filter((line) => JSON.stringify(line).includes("FN_004"))).toHaveLength(1)
    const [told] = mine.filter((line) => line["level"] === "error")
    expect(told?.["message"]).toBe("Error: deliberate failure")
    // Its own frames, and nothing of the runtime's or of the guest program's.
    expect(String(told?.["stack"]).split("\n")).toEqual([
      "Error: deliberate failure",
      expect.stringMatching(/^ {4}at fail \(thrower\.ts:4:\d+\)$/),
      expect.stringMatching(/^ {4}at .*thrower\.ts:9:\d+\)?$/)
    ])
    await server.printed(/Error: deliberate failure/)
    expect(server.output()).toMatch(
      new RegExp(
        `ERROR ${name}@v1 ${id.slice(-8)} Error: deliberate failure\\n {4}at fail \\(thrower\\.ts:4:\\d+\\)\\n {4}at .*thrower\\.ts:9:\\d+\\)?\\n`
      )
    )
  }
)

/** What a function says an error by, besides throwing it; and where it was made, in the sources. */
const sayings: ReadonlyArray<readonly [what: string, statement: string]> = [
  ["console.error", "console.error(made())"],
  ["console.log, in an object", "console.log({ deep: made() })"],
  ["a cause", "console.error(new Error('outer', { cause: made() }))"],
  ["a rejection that nobody handles", "void Promise.reject(made())"],
  ["a timer's callback", "setTimeout(() => { throw made() })"],
  ["the stack as a text", "console.log(made().stack)"]
]

describe.each(guestRuntimes)("an error's place in the TypeScript it was written in, on %s", (runtime) => {
  it.each(sayings.map((saying, index) => [...saying, index] as const))(
    "%s",
    async (_what, statement, index) => {
      const name = `says-${index}-${runtime}`
      const file = join(folder, `${name}.ts`)
      const source = [
        "type Nothing = undefined",
        "",
        "const made = (): Error =>",
        "  new Error('deliberate')",
        "export default async (): Promise<Response> => {",
        `  ${statement}`,
        "  await new Promise((resolve) => setTimeout(resolve, 5))",
        "  return new Response('done')",
        "}"
      ]
      await writeFile(file, source.join("\n"))
      const { code, sourceMap } = await Effect.runPromise(buildBundle(file, { runtime }))
      await register(server, name, { runtime })
      const deployed = await fetch(`${server.url}/api/functions/${name}/deploy`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ version: "v1", bundle: code, source_map: sourceMap })
      })
      expect(deployed.status).toBe(200)
      await (await fetch(`${server.url}/functions/${name}`)).text()
      const [told] = await until(
        async () =>
          (await lines()).filter(
            (line) => line["function"] === name && JSON.stringify(line).includes("at made (")
          ),
        (found) => found.length > 0
      )
      const text = `${String(told?.["message"])}\n${String(told?.["stack"])}`
      expect(text).toMatch(new RegExp(`at made \\(${name}\\.ts:4:\\d+\\)`))
      expect(text).not.toContain("bundle.js")
    }
  )
})
