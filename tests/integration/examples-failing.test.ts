import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, expect, it } from "vitest"
import { cli, plainPath } from "../support/Cli.ts"
import { ProjectCopy } from "../support/ProjectCopy.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const examples = fileURLToPath(new URL("../../examples", import.meta.url))

/** Examples that cannot be deployed: here those for QuickJS-NG, whose worker ends as soon as it is started. */

let folder = ""
let worker = ""
let server: TestServer | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-examples-"))
  worker = join(folder, "broken-worker")
  // It passes for a worker when it is tried, and serves nobody.
  const ready = JSON.stringify({ id: "", type: "ready", payload: { protocol: "1.1", features: ["load"] } })
  writeFileSync(worker, `#!/bin/sh\n[ -n "$BUNBASE_PROTOCOL_FD" ] || echo '${ready}'\nexit 1\n`)
  chmodSync(worker, 0o755)
})
afterEach(async () => {
  await server?.dispose()
  server = null
  rmSync(folder, { recursive: true, force: true })
})
const start = async (...flags: ReadonlyArray<string>): Promise<TestServer> =>
  (server = await startServer({
    dataDir: join(folder, "data"),
    flags: ["--quickjs-worker", worker, ...flags]
  }))

const callPrinted = async (line: string): Promise<number> => {
  const url = /'(.*)'/.exec(line)?.[1] ?? ""
  return (await fetch(url)).status
}

it("one that fails is named with its cause, and the others are deployed", async () => {
  const at = await start("--examples")
  expect(await at.printed(/quickjs-hello was not deployed/)).toMatch(/exited with code 1|did not start/)
  expect(await at.printed(/functions? deployed\)/)).toContain("(6 functions deployed)")
  const examples = "hello-world, html-page, json-api, primes, upload, webhook"
  expect(await at.printed(/^ *examples /)).toBe(`  examples ${examples}`)
  expect(await callPrinted(await at.printed(/curl .*hello-world/))).toBe(200)
})

it("where hello-world is the one, another that serves is called and changed", async () => {
  const before = await start()
  const registered = await fetch(`${before.url}/api/functions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "hello-world", runtime: "quickjs-ng" })
  })
  expect(registered.status).toBe(201)
  await before.stop()
  const at = await start("--examples")
  expect(await at.printed(/hello-world was not deployed/)).toContain("hello-world")
  expect(await at.printed(/functions? deployed\)/)).toContain("(5 functions deployed)")
  const curl = await at.printed(/curl /)
  expect(curl).not.toContain("hello-world")
  expect(await callPrinted(curl)).toBe(200)
  expect(await at.printed(/^Change /)).toContain("html-page.ts")
  expect(await at.printed(/fn deploy/)).toMatch(/fn deploy html-page .*html-page\.ts/)
})

it("one whose file is no longer what serves is named, with the line that deploys it", async () => {
  const before = await start()
  writeFileSync(join(folder, "mine.ts"), "export default () => new Response('mine')\n")
  const flags = ["--socket", before.socketPath]
  expect(await cli(["fn", "deploy", "hello-world", join(folder, "mine.ts"), ...flags])).toMatchObject({
    code: 0
  })
  expect(await cli(["fn", "deploy", "primes", join(examples, "primes.ts"), ...flags])).toMatchObject({
    code: 0
  })
  await before.stop()
  const at = await start("--examples")
  expect(await at.printed(/ differs from /)).toMatch(
    /^hello-world differs from \S+\/hello-world\.ts; to deploy that: \S+ fn deploy hello-world \S+\/hello-world\.ts --socket \S+$/
  )
  expect(at.output()).not.toContain("primes differs")
  expect(await (await fetch(`${at.url}/functions/hello-world`)).text()).toBe("mine")
})

it("one whose file has a mistake since is named with its place, and serves on", async () => {
  using project = new ProjectCopy({ server: true })
  const [data, socket] = [join(folder, "data"), join(folder, "f.sock")]
  const serve = () => {
    const args = ["serve", "--examples", "--http-port", "0", "--data-dir", data, "--socket", socket]
    const cmd = [process.execPath, project.path("src", "main.ts"), ...args]
    return Bun.spawn({
      cmd,
      cwd: folder,
      env: { PATH: plainPath, HOME: folder, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"]
    })
  }
  const first = serve()
  await lineOf(first.stdout, /fn deploy hello-world/)
  first.kill("SIGTERM")
  expect(await first.exited).toBe(0)
  writeFileSync(project.path("examples", "hello-world.ts"), "export default () => {\n  return ;;;)\n}\n")
  const second = serve()
  expect(await lineOf(second.stderr, /hello-world/)).toMatch(
    /^hello-world serves as it was deployed before; \S+hello-world\.ts cannot be built: \S*hello-world\.ts:2:13: /
  )
  second.kill("SIGTERM")
  expect(await second.exited).toBe(0)
})

/** The first line that matches; reads on to the end, so that the program can write. */
const lineOf = (stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    const read = async () => {
      let text = ""
      const decoder = new TextDecoder()
      for await (const chunk of stream) {
        text += decoder.decode(chunk, { stream: true })
        const line = text
          .split("\n")
          .slice(0, -1)
          .find((one) => pattern.test(one))
        if (line !== undefined) resolve(line)
      }
      reject(new Error(`nothing matched ${pattern}:\n${text}`))
    }
    void read()
  })
