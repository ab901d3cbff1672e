import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { deployRefused, register, serve, until } from "../support/Api.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

let server: TestServer
afterEach(async () => {
  await server.dispose()
})

/** The workers' own; beside them lie the guest's program and the fork server's socket. */
const folders = (): ReadonlyArray<string> => {
  const folder = join(server.dataDir, "tmp")
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
}

const locksItsFolder = `
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
mkdirSync("locked"); writeFileSync("locked/file", ""); chmodSync("locked", 0)
throw new Error("locked it")
export default () => new Response("")`

describe("what a function leaves in its temp folder", () => {
  it("does not keep a failed start from being told, nor its place from being free again, when it is locked", async () => {
    // Root may remove what it likes: as root the server runs as nobody.
    server = await startServer({ asNobody: true, flags: ["--bun-spare-workers", "0"] })
    await register(server, "locks", { max_workers: 1 })
    for (const version of ["v1", "v2", "v3"]) {
      const problem = await deployRefused(server, "locks", version, locksItsFolder)
      expect([problem.code, problem.detail]).toEqual(["FN_005", expect.stringContaining("locked it")])
    }
    await until(
      async () => folders(),
      (left) => left.length === 0
    )
    expect(await server.stop()).toBe(0)
    expect(server.output()).not.toContain("internal error")
    expect(existsSync(join(server.dataDir, "tmp"))).toBe(false)
  })

  it("is removed in the background: other functions are served meanwhile, however much it is", async () => {
    server = await startServer()
    await serve(server, "other", `export default () => new Response("other")`)
    await serve(
      server,
      "filler",
      `import { writeFileSync } from "node:fs"
      export default () => { for (let i = 0; i < 30000; i++) writeFileSync("f" + i, ""); process.exit(1) }`
    )
    expect((await fetch(`${server.url}/functions/filler`)).status).toBe(502)
    const isThere = (): boolean => folders().some((name) => name.endsWith(".trash"))
    await until(async () => isThere(), Boolean)
    // Removed in one go, nobody would be answered before it is gone.
    let meanwhile = 0
    while (isThere()) {
      expect(await (await fetch(`${server.url}/functions/other`)).text()).toBe("other")
      if (isThere()) meanwhile += 1
    }
    expect(meanwhile).toBeGreaterThan(0)
  })
})
