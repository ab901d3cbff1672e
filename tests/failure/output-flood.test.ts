import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { serve, until } from "../support/Api.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

let server: TestServer
beforeAll(async () => {
  server = await startServer({ flags: ["--log-level", "error"] })
})
afterAll(async () => {
  await server.dispose()
})

const logged = (): string => {
  const folder = join(server.dataDir, "logs")
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("")
}

it("a flood on the raw descriptors is cut and counted, and nobody else waits for it", async () => {
  await serve(server, "other", `export default () => new Response("other")`)
  await serve(
    server,
    "flood",
    `import { writeSync } from "node:fs"
    const text = "x\\n".repeat(32768)
    export default () => {
      const until = Date.now() + 1500
      while (Date.now() < until) { try { writeSync(1, text) } catch {} }
      return new Response("flooded")
    }`,
    { timeout_seconds: 10 }
  )
  const flood = fetch(`${server.url}/functions/flood`)
  let slowest = 0
  let calls = 0
  let flooding = true
  void flood.then(() => (flooding = false))
  while (flooding) {
    const startedAt = performance.now()
    await (await fetch(`${server.url}/functions/other`)).text()
    slowest = Math.max(slowest, performance.now() - startedAt)
    calls += 1
  }
  expect(await (await flood).text()).toBe("flooded")
  expect(calls).toBeGreaterThan(10)
  expect(slowest).toBeLessThan(500)
  await until(
    async () => logged(),
    (text) => /\d+ bytes of further output were cut/.test(text)
  )
  expect(logged().length).toBeLessThan(64 * 1024 * 1024)
})
