import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** Examples that cannot be deployed: here those for QuickJS-NG, whose worker ends as soon as it is started. */

let folder = ""
let worker = ""
let server: TestServer | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-examples-"))
  worker = join(folder, "broken-worker")
  writeFileSync(worker, "#!/bin/sh\nexit 1\n")
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
