import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
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

it("every example is deployed and answers", async () => {
  await server.printed(/^\s*curl /)
  for (const name of ["hello-world", "html-page", "json-api", "primes", "upload", "webhook"]) {
    const response = await fetch(`${server.url}/functions/${name}`)
    expect([name, response.status < 500]).toEqual([name, true])
  }
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
