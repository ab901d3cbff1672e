import { readdirSync, readFileSync, writeFileSync } from "node:fs"
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
  const stop = join(server.dataDir, "stop-flooding")
  await serve(server, "other", `export default () => new Response("other")`)
  await serve(
    server,
    "flood",
    `import { existsSync, writeSync } from "node:fs"
    const text = "x\\n".repeat(32768)
    export default () => {
      while (!existsSync(${JSON.stringify(stop)})) { try { writeSync(1, text) } catch {} }
      return new Response("flooded")
    }`,
    { timeout_seconds: 100 }
  )
  let flooding = true
  const flood = fetch(`${server.url}/functions/flood`).finally(() => (flooding = false))
  const cut = /(\d+) bytes of further output were cut/
  await until(
    async () => logged(),
    (text) => cut.test(text)
  )
  // The flood goes on until it is told to stop: whoever is answered now is answered in the middle of it.
  const calls = 200
  for (let call = 0; call < calls; call += 1) {
    expect(await (await fetch(`${server.url}/functions/other`)).text()).toBe("other")
  }
  expect(flooding).toBe(true)
  writeFileSync(stop, "")
  expect(await (await flood).text()).toBe("flooded")
  const seconds = [...logged().matchAll(new RegExp(cut, "g"))]
  const kept = logged().length
  process.stdout.write(`${kept} bytes logged; cut, per second: ${seconds.map(([, bytes]) => bytes).join()}\n`)
  // Each second keeps its quarter of a megabyte, which a record for every line makes longer, and no more.
  expect(kept).toBeLessThan((seconds.length + 2) * 64 * 1024 * 1024)
})
