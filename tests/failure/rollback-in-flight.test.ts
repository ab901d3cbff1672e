import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { connectHttp, type FunctionsClient } from "../../src/client/index.ts"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import { until } from "../support/Api.ts"
import { code } from "../support/ControlPlane.ts"
import { deleteVersion } from "../support/deleteVersion.ts"
import { Gate } from "../support/Gate.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { faultsOf } from "../support/StoredState.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** Roll-backs and deletions of a function that has work: what was taken on is finished, and by the version that took it. */

const suite = (runtime: "bun" | "quickjs-ng") => {
  let server: TestServer
  let client: FunctionsClient
  beforeAll(async () => {
    server = await startServer()
    client = await connectHttp(server.url)
  })
  afterAll(async () => {
    expect(faultsOf(server.dataDir)).toEqual([])
    await client.close()
    await server.dispose()
  })

  const registered = async (name: string, settings: object = {}): Promise<void> => {
    await client.register({ name, runtime, capabilities: profileCapabilities.permissive, ...settings })
  }
  const put = (name: string, version: string, bundle: string) => client.deploy(name, { version, bundle })
  const call = async (name: string): Promise<string> => {
    const response = await fetch(`${server.url}/functions/${name}`)
    return response.ok ? await response.text() : String(response.headers.get("x-function-error"))
  }
  /** No worker is left but those that are ready for more. */
  const noneLeaves = (name: string) =>
    until(
      async () => (await client.get(name)).workers,
      ({ busy, draining }) => busy + draining === 0
    )

  it("finishes what the version before has, and what waits for it, and serves the rest by the other", async () => {
    await using gate = new Gate()
    await registered("back", { max_workers: 1 })
    await put("back", "v1", code("one"))
    await put("back", "v2", gate.handler("two"))
    const taken = Array.from({ length: 8 }, () => call("back"))
    await gate.arrived(1)
    await until(
      async () => (await client.get("back")).queued,
      (queued) => queued === 7
    )
    expect(await client.rollback("back")).toMatchObject({ version: "v1", replaced: "v2" })
    expect(await call("back")).toBe("one")
    expect(await client.get("back")).toMatchObject({ active_version: "v1", queued: 7 })
    gate.open()
    expect(await Promise.all(taken)).toEqual(Array.from({ length: 8 }, () => "two"))
    expect(await call("back")).toBe("one")
    await noneLeaves("back")
  })

  it("goes back to a version whose own workers are still on their way out", async () => {
    await using gate = new Gate()
    await registered("again")
    await put("again", "v1", gate.handler("one"))
    const first = call("again")
    await gate.arrived(1)
    await put("again", "v2", code("two"))
    expect(await call("again")).toBe("two")
    await client.rollback("again")
    const second = call("again")
    await gate.arrived(2)
    gate.open()
    expect(await Promise.all([first, second])).toEqual(["one", "one"])
    await noneLeaves("again")
  })

  it("leaves the present version in force, with its calls, where the other does not start", async () => {
    await using gate = new Gate()
    await registered("stays")
    const { bundle_path } = await put("stays", "v1", code("one")).then(async () => {
      const [version] = await client.versions("stays")
      return version ?? { bundle_path: "" }
    })
    await put("stays", "v2", gate.handler("two"))
    const taken = call("stays")
    await gate.arrived(1)
    const whole = await Bun.file(bundle_path).text()
    writeFileSync(bundle_path, "damaged")
    const refusal = await client.rollback("stays").catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: "FN_005", status: 422 })
    expect(String(refusal)).toMatch(/version v2 of stays still serves$/)
    expect(await client.get("stays")).toMatchObject({ active_version: "v2" })
    gate.open()
    expect(await taken).toBe("two")
    expect(await call("stays")).toBe("two")
    writeFileSync(bundle_path, whole)
    await client.rollback("stays")
    expect(await call("stays")).toBe("one")
  })

  it("finishes what a deleted function has and what waits for it; the name is free meanwhile", async () => {
    await using gate = new Gate()
    await registered("gone", { max_workers: 1 })
    await put("gone", "v1", gate.handler("old"))
    const taken = Array.from({ length: 4 }, () => call("gone"))
    await gate.arrived(1)
    await until(
      async () => (await client.get("gone")).queued,
      (queued) => queued === 3
    )
    expect(await client.deleteFunction("gone")).toMatchObject({ name: "gone", status: "deleted" })
    expect(await call("gone")).toBe("FN_001")
    await registered("gone")
    await put("gone", "v1", code("new"))
    expect(await call("gone")).toBe("new")
    gate.open()
    expect(await Promise.all(taken)).toEqual(["old", "old", "old", "old"])
    expect(await call("gone")).toBe("new")
  })

  it("removes a version when its last worker has gone, and not before", async () => {
    await using gate = new Gate()
    await registered("last")
    await put("last", "v1", gate.handler("one"))
    const taken = call("last")
    await gate.arrived(1)
    await put("last", "v2", code("two"))
    const [version] = await client.versions("last")
    const deletion = deleteVersion(client, "last", "v1")
    expect(await call("last")).toBe("two")
    expect(existsSync(version?.bundle_path ?? "")).toBe(true)
    gate.open()
    expect(await taken).toBe("one")
    expect(await deletion).toMatchObject({ version: "v1", status: "deleted" })
    expect(existsSync(version?.bundle_path ?? "")).toBe(false)
  })

  it("tells whoever deletes a version that has work for long when to come back", async () => {
    await using gate = new Gate()
    await registered("busy")
    await put("busy", "v1", gate.handler("one"))
    const taken = call("busy")
    await gate.arrived(1)
    await put("busy", "v2", code("two"))
    const refusal = await client.deleteVersion("busy", "v1").catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: "FN_007", status: 429, retryAfterSeconds: 5 })
    expect((await client.versions("busy")).map(({ version }) => version)).toEqual(["v1", "v2"])
    gate.open()
    expect(await taken).toBe("one")
    expect(await deleteVersion(client, "busy", "v1")).toMatchObject({ status: "deleted" })
  })
}

describe("on Bun", () => {
  suite("bun")

  it("a roll-back to code that fails to load now leaves the present version in force", async () => {
    const home = mkdtempSync(join(tmpdir(), "bunbase-test-"))
    const server = await startServer()
    const client = await connectHttp(server.url)
    const flag = join(home, "flag")
    const fragile = `import { existsSync } from "node:fs"
if (existsSync(${JSON.stringify(flag)})) throw new Error("not today")
export default () => new Response("one")`
    await client.register({ name: "fragile" })
    await client.deploy("fragile", { version: "v1", bundle: fragile })
    await client.deploy("fragile", { version: "v2", bundle: code("two") })
    writeFileSync(flag, "")
    const refusal = await client.rollback("fragile").catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: "FN_005" })
    expect(String(refusal)).toContain("not today")
    expect((await client.invoke("fragile")).text()).toBe("two")
    expect((await client.get("fragile")).workers.starting).toBe(0)
    rmSync(home, { recursive: true })
    await client.rollback("fragile")
    expect((await client.invoke("fragile")).text()).toBe("one")
    await client.close()
    await server.dispose()
  })
})

describeOnQuickJs("on QuickJS-NG", () => {
  suite("quickjs-ng")
})
