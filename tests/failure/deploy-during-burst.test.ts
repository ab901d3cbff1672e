import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { connectHttp, type FunctionsClient } from "../../src/client/index.ts"
import { Callers } from "../support/Callers.ts"
import { code } from "../support/ControlPlane.ts"
import { deleteVersion } from "../support/deleteVersion.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { faultsOf } from "../support/StoredState.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** versions change under load, and no call is lost. */

const CALLS = 10_000
const CHANGES = 12

const suite = (runtime: "bun" | "quickjs-ng") => {
  let server: TestServer
  let client: FunctionsClient
  const stopped: Array<TestServer> = []
  beforeAll(async () => {
    server = await startServer()
    client = await connectHttp(server.url)
  })
  afterAll(async () => {
    expect(faultsOf(server.dataDir)).toEqual([])
    await client.close()
    for (const one of [server, ...stopped]) await one.dispose()
  })
  const text = async (name: string): Promise<string> => (await client.invoke(name)).text()

  it("a burst on a cold function, and a deployment in its middle: all are served, by one version or the other", async () => {
    await client.register({ name: "burst", runtime, max_workers: 2 })
    await client.deploy("burst", { version: "v1", bundle: code("v1") })
    // Cold again: this ends the worker that the deployment tried the code in.
    await server.stop()
    await client.close()
    const again = await startServer({ dataDir: server.dataDir, socketPath: server.socketPath })
    stopped.push(server)
    server = again
    client = await connectHttp(again.url)
    const calls = Array.from({ length: 500 }, () =>
      fetch(`${again.url}/functions/burst`).then(
        async (response) => `${response.status} ${await response.text()}`,
        (error: unknown) => String(error)
      )
    )
    await client.deploy("burst", { version: "v2", bundle: code("v2") })
    expect(await text("burst")).toBe("v2")
    const answers = await Promise.all(calls)
    expect(answers.filter((answer) => !/^200 v[12]$/.test(answer))).toEqual([])
  })

  it(`${CALLS} calls while versions are deployed, rolled back and deleted: no error`, async () => {
    await client.register({ name: "changing", runtime, max_workers: 2 })
    await client.deploy("changing", { version: "v0", bundle: code("v0") })
    const callers = new Callers(server, "changing", 16)
    const done: Record<string, number> = { deployed: 0, "rolled back": 0, deleted: 0 }
    const change = async (what: string, version: string, act: Promise<unknown>): Promise<void> => {
      await act
      done[what] = (done[what] ?? 0) + 1
      // Whatever is asked after the answer is served by what it said.
      expect(await text("changing")).toBe(version)
      const seen = callers.count(`200 ${version}`)
      await callers.until((one) => one.count(`200 ${version}`) >= seen + CALLS / CHANGES / 4)
    }
    for (let n = 1; n <= CHANGES / 4; n += 1) {
      const [before, now] = [`v${n - 1}`, `v${n}`]
      await change("deployed", now, client.deploy("changing", { version: now, bundle: code(now) }))
      await change("rolled back", before, client.rollback("changing"))
      await change("rolled back", now, client.rollback("changing", { version: now }))
      await change("deleted", now, deleteVersion(client, "changing", before))
    }
    await callers.until(({ total }) => total >= CALLS)
    await callers.stop()
    expect(callers.otherThan(/^200 v\d$/)).toEqual([])
    expect(callers.total).toBeGreaterThanOrEqual(CALLS)
    const changes = Object.entries(done).map(([what, count]) => `${count} ${what}`)
    process.stdout.write(
      `R-7: ${callers.total} calls on ${runtime}, ${changes.join(", ")} meanwhile: 0 errors\n`
    )
  }, 300_000)
}

describe("on Bun", () => {
  suite("bun")
})

describeOnQuickJs("on QuickJS-NG", () => {
  suite("quickjs-ng")
})
