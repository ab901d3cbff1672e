import { describe, expect, it } from "vitest"
import { cliSession } from "../support/CliSession.ts"

/** `fn rollback` and `fn delete`, over the socket and over HTTP. */

const session = cliSession()
const { fn, write } = session

/** A function whose versions answer with their labels, the last one in force. */
const withVersions = async (name: string, ...labels: ReadonlyArray<string>): Promise<void> => {
  for (const label of labels) {
    const source = write(`${name}.ts`, `export default () => new Response(${JSON.stringify(label)})\n`)
    expect(await fn(["deploy", name, source, "--version", label])).toMatchObject({ code: 0 })
  }
}
const call = async (name: string): Promise<string> =>
  await (await fetch(`${session.server.url}/functions/${name}`)).text()

describe.each([
  ["the socket", "s", () => []],
  ["HTTP", "h", () => ["--url", session.server.url]]
] as const)("over %s", (_, mark, where) => {
  const type = (args: ReadonlyArray<string>) => fn([...args, ...where()])

  it("fn rollback goes back to the version before, and to one that is named", async () => {
    const name = `back-${mark}`
    await withVersions(name, "v1", "v2", "v3")
    const before = await type(["rollback", name])
    expect(before).toMatchObject({ code: 0, stderr: "" })
    expect(before.stdout).toMatch(new RegExp(`^rolled ${name} back to v2 \\(was v3\\) in [\\d.]+ m?s\\n$`))
    expect(await call(name)).toBe("v2")
    const named = await type(["rollback", name, "--to", "v1", "--json"])
    expect(JSON.parse(named.stdout)).toMatchObject({
      outcome: "rolled_back",
      name,
      version: "v1",
      replaced: "v2"
    })
    expect(await call(name)).toBe("v1")
    expect(await type(["rollback", name, "--to=v1"])).toMatchObject({
      code: 0,
      stdout: `nothing changed: ${name} v1 is in force\n`
    })
  })

  it("fn rollback says why it cannot", async () => {
    const name = `alone-${mark}`
    await withVersions(name, "v1")
    expect(await type(["rollback", name])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: `error: FN_006: this is not accepted\n  - no version of "${name}" was in force before v1; deploy another one with: bunbase fn deploy ${name} FILE\n`
    })
    expect(await type(["rollback", name, "--to", "v9"])).toMatchObject({
      code: 1,
      stderr: `error: FN_001: "${name}" has no version "v9"\n  list them with: bunbase fn versions ${name}\n`
    })
    const malformed = await type(["rollback", name, "--to", "../v1"])
    expect(malformed).toMatchObject({ code: 2 })
    expect(malformed.stderr).toContain("- --to: use 1 to 64 letters")
    expect(await type(["rollback", "nobody"])).toMatchObject({ code: 1 })
  })

  it("fn delete takes a version, and the function", async () => {
    const name = `gone-${mark}`
    await withVersions(name, "v1", "v2")
    const inForce = await type(["delete", name, "--version", "v2"])
    expect(inForce).toMatchObject({ code: 2 })
    expect(inForce.stderr).toContain("--version: is in force")
    expect(await type(["delete", name, "--version", "v1"])).toMatchObject({
      code: 0,
      stdout: `deleted v1 of ${name}\n`
    })
    expect((await type(["versions", name])).stdout).not.toContain("v1")
    for (const label of ["v1", "../v2", "."]) {
      const { code, stderr } = await type(["delete", name, "--version", label])
      expect([label, code]).toEqual([label, label === "v1" ? 1 : 2])
      expect(stderr).toContain(label === "v1" ? `"${name}" has no version "v1"` : "--version: use 1 to 64")
    }
    const deleted = await type(["delete", name, "--json"])
    expect(JSON.parse(deleted.stdout)).toEqual({
      function_id: expect.stringMatching(/^func-/),
      name,
      status: "deleted"
    })
    expect(await call(name)).toContain("FN_001")
    expect(await type(["delete", name])).toMatchObject({ code: 1 })
    await withVersions(name, "again")
    expect(await call(name)).toBe("again")
    const { stdout } = await type(["delete", name])
    expect(stdout).toMatch(
      new RegExp(`^deleted ${name} \\(func-\\w{16}\\); its bundles stay with the server\\n$`)
    )
  })
})

describe("over HTTP, by hand", () => {
  const send = (method: string, path: string, body?: string, headers?: Record<string, string>) =>
    fetch(`${session.server.url}/api/functions/${path}`, {
      method,
      ...(body === undefined ? {} : { body }),
      ...(headers === undefined ? {} : { headers })
    })
  const json = { "content-type": "application/json" }

  it("a roll-back needs no body, and takes one of JSON", async () => {
    await withVersions("by-hand", "v1", "v2")
    const bare = await send("POST", "by-hand/rollback")
    expect([bare.status, ((await bare.json()) as { version: string }).version]).toEqual([200, "v1"])
    const empty = await send("POST", "by-hand/rollback", "{}", json)
    expect([empty.status, ((await empty.json()) as { version: string }).version]).toEqual([200, "v2"])
    const named = await send("POST", "by-hand/rollback", '{"version":"v1"}', json)
    expect([named.status, await call("by-hand")]).toEqual([200, "v1"])
    for (const body of ["", "null", "[]", '{"version":7}', '{"verison":"v1"}', '{"version":"../v1"}', "{"]) {
      const refused = await send("POST", "by-hand/rollback", body, json)
      expect([body, refused.status, refused.headers.get("x-function-error")]).toEqual([body, 400, "FN_006"])
    }
    expect((await send("POST", "by-hand/rollback", "{}", { "content-type": "text/plain" })).status).toBe(400)
    expect((await send("POST", "nobody/rollback")).status).toBe(404)
    expect(await call("by-hand")).toBe("v1")
  })

  it("what may not be deleted, and by whom not", async () => {
    await withVersions("kept", "v1", "v2")
    expect((await send("DELETE", "kept/versions/v2")).status).toBe(400)
    expect((await send("DELETE", "kept/versions/v9")).status).toBe(404)
    expect((await send("DELETE", "kept/versions/%2e%2e%2fv1")).status).toBe(400)
    expect((await send("DELETE", "kept/versions")).status).toBe(405)
    for (const headers of [{ origin: "https://example.com" }, { "sec-fetch-site": "cross-site" }]) {
      for (const [method, path] of [
        ["DELETE", "kept"],
        ["DELETE", "kept/versions/v1"],
        ["POST", "kept/rollback"]
      ] as const) {
        expect((await send(method, path, undefined, headers)).status).toBe(403)
      }
    }
    expect(await call("kept")).toBe("v2")
    const gone = await send("DELETE", "kept")
    expect([gone.status, await gone.json()]).toMatchObject([200, { name: "kept", status: "deleted" }])
  })
})
