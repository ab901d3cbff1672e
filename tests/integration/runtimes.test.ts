import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { connectSocket } from "../../src/client/index.ts"
import { problemOf, serve } from "../support/Api.ts"
import { fakeProgram } from "../support/ForkedRuntime.ts"
import { processesNaming } from "../support/Processes.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

let folder = ""
let server: TestServer | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-runtimes-"))
})
afterEach(async () => {
  await server?.dispose()
  server = null
  rmSync(folder, { recursive: true, force: true })
})
const open = async (worker: string): Promise<TestServer> =>
  (server = await startServer({ flags: ["--quickjs-worker", worker] }))

const register = async (
  at: TestServer,
  body: object
): Promise<{ status: number; detail: string; code: string }> => {
  const response = await fetch(`${at.url}/api/functions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body)
  })
  return { ...((await response.json()) as { detail: string; code: string }), status: response.status }
}

describe("a server without the QuickJS-NG worker", () => {
  it("runs with Bun alone, and says so, with the cause, wherever it is asked", async () => {
    const build = join(folder, "build")
    mkdirSync(join(build, "release"), { recursive: true })
    writeFileSync(join(build, "unavailable.json"), JSON.stringify({ reason: "there is no C compiler" }))
    const at = await open(join(build, "release", "bunbase-quickjs"))
    await at.printed(/runtimes bun$/)
    expect(await at.printed(/not quickjs-ng/)).toContain("there is no C compiler")
    const reason = expect.stringContaining("there is no C compiler") as string
    const runtimes = { bun: { available: true }, "quickjs-ng": { available: false, reason } }
    expect(await (await fetch(`${at.url}/ready`)).json()).toMatchObject({ ready: true, runtimes })
    const refused = await register(at, { name: "tiny", runtime: "quickjs-ng" })
    expect(refused).toMatchObject({ status: 400, code: "FN_006", detail: reason })
    expect((await register(at, { name: "tiny" })).status).toBe(201)
  })
})

describe("a server whose worker has gone since functions were deployed on it", () => {
  it("says so to their callers, who may come again (FN_008), and serves them once it is back", async () => {
    const { path } = fakeProgram(folder)
    const dataDir = join(folder, "data")
    const first = await startServer({ dataDir, flags: ["--quickjs-worker", path] })
    await serve(first, "tiny", `export default () => new Response("tiny")`, { runtime: "quickjs-ng" })
    await first.stop()
    const build = join(folder, "build")
    mkdirSync(join(build, "release"), { recursive: true })
    writeFileSync(join(build, "unavailable.json"), JSON.stringify({ reason: "there is no C compiler" }))
    const gone = await startServer({
      dataDir,
      flags: ["--quickjs-worker", join(build, "release", "bunbase-quickjs")]
    })
    const answer = await fetch(`${gone.url}/functions/tiny`)
    const problem = await problemOf(answer)
    expect([answer.status, problem.code]).toEqual([503, "FN_008"])
    expect(problem.detail).toContain("there is no C compiler")
    expect(answer.headers.get("retry-after")).not.toBeNull()
    await gone.stop()
    server = await startServer({ dataDir, flags: ["--quickjs-worker", path] })
    expect(await (await fetch(`${server.url}/functions/tiny`)).text()).toBe("tiny")
  })
})

describe("a server with it", () => {
  it("says so, starts its fork server at once, and leaves none behind when it is killed (R-2)", async () => {
    const at = await open(fakeProgram(folder).path)
    await at.printed(/runtimes bun, quickjs-ng$/)
    const client = await connectSocket(at.socketPath)
    expect((await client.ping()).runtimes).toEqual({
      bun: { available: true },
      "quickjs-ng": { available: true }
    })
    await client.close()
    const forkServers = () => processesNaming(`--listen ${at.dataDir}`)
    while (forkServers().length === 0) await Bun.sleep(5)
    await at.kill()
    const killedAt = performance.now()
    while (forkServers().length > 0) await Bun.sleep(5)
    expect(performance.now() - killedAt).toBeLessThan(1_000)
  })
})
