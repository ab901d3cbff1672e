import { mkdirSync, writeFileSync } from "node:fs"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
import { findQuickJs } from "../../src/config/QuickJsProgram.ts"
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

/** Whether the native worker could be built here is of no importance: the words with one and without one. */
const wordsOf = [
  {
    what: "with a QuickJS-NG worker",
    worker: (home: string) => fakeProgram(home).path,
    runtimes: () => ["  runtimes bun, quickjs-ng", "  memory   bun by sampling, quickjs-ng by its engine"],
    examples: "hello-world, html-page, json-api, primes, quickjs-hello, upload, webhook"
  },
  {
    what: "without one",
    worker: (home: string) => {
      // As the build leaves it where it cannot be done.
      mkdirSync(join(home, "build", "release"), { recursive: true })
      const cause = JSON.stringify({ reason: "there is no C compiler" })
      writeFileSync(join(home, "build", "unavailable.json"), cause)
      return join(home, "build", "release", "bunbase-quickjs")
    },
    runtimes: (worker: string) => [
      "  runtimes bun",
      `           not quickjs-ng: ${(findQuickJs(worker) as { readonly reason: string }).reason}`,
      "  memory   bun by sampling"
    ],
    examples: "hello-world, html-page, json-api, primes, upload, webhook"
  }
]

it.each(wordsOf)(
  "what the server says stands together, after everything that led there, and its last word is that it stopped: $what",
  async (words) => {
    const home = await mkdtemp(join(tmpdir(), "bunbase-words-"))
    const [data, socket] = [join(home, "data"), join(home, "f.sock")]
    // One pipe for both of its streams, as on a terminal: what came first stands first.
    const worker = words.worker(home)
    const count = words.examples.split(", ").length
    const line = `exec "${root}bin/bunbase" serve --examples --http-port 0 --data-dir "${data}" --socket "${socket}" --quickjs-worker "${worker}" --memory-limit-by sampling 2>&1`
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
      expect(before.match(/ deployed$/gm)).toHaveLength(count)
      const url = /HTTP +(\S+)/.exec(after)?.[1]
      expect(after.split("\n")).toEqual([
        "",
        `  HTTP     ${url}`,
        `  socket   ${socket}`,
        `  data     ${data} (${count} functions deployed)`,
        ...words.runtimes(worker),
        `  examples ${words.examples}`,
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
  }
)

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
