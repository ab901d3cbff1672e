import { Database } from "bun:sqlite"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { connectHttp, connectSocket, type FunctionsClient } from "../../src/client/index.ts"
import { Callers } from "../support/Callers.ts"
import { code } from "../support/ControlPlane.ts"
import { deleteVersion } from "../support/deleteVersion.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { processesNaming } from "../support/Processes.ts"
import { faultsOf } from "../support/StoredState.ts"
import { startServer } from "../support/TestServer.ts"

/** Several clients change one function at the same time, under calls: one after another, and nothing in between shows. */

/** What may be answered to somebody who was overtaken. */
const OVERTAKEN: ReadonlySet<string> = new Set(["FN_001", "FN_006"])

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error)

const inOrder = (dataDir: string): ReadonlyArray<{ readonly id: string; readonly version: string }> => {
  const database = new Database(join(dataDir, "metadata.db"), { readonly: true })
  try {
    return database
      .query(
        `SELECT d.id, v.version FROM function_deployments d JOIN function_versions v ON v.id = d.version_id
         ORDER BY d.rowid`
      )
      .all() as ReadonlyArray<{ readonly id: string; readonly version: string }>
  } finally {
    database.close()
  }
}

const suite = (runtime: "bun" | "quickjs-ng") => {
  it("deployments, roll-backs and deletions from six clients take turns; no call is lost", async () => {
    const server = await startServer()
    const connect = (index: number): Promise<FunctionsClient> =>
      index % 2 === 0 ? connectHttp(server.url) : connectSocket(server.socketPath)
    const clients = await Promise.all(Array.from({ length: 6 }, (_, index) => connect(index)))
    const [first] = clients as [FunctionsClient]
    await first.register({ name: "contested", runtime, max_workers: 2 })
    const v0 = await first.deploy("contested", { version: "v0", bundle: code("v0") })
    const callers = new Callers(server, "contested", 4)

    const acknowledged = new Set([v0.deployment_id])
    const deleted = new Set<string>()
    const refused: Array<string> = []
    /** In the order in which they were acknowledged to one client. */
    const perClient = await Promise.all(
      clients.map(async (client, index) => {
        const own: Array<string> = []
        const attempt = async (act: () => Promise<unknown>): Promise<void> => {
          await act().catch((error: unknown) => refused.push(codeOf(error)))
        }
        for (let round = 1; round <= 5; round += 1) {
          const version = `c${index}-${round}`
          await attempt(async () => {
            const { deployment_id } = await client.deploy("contested", { version, bundle: code(version) })
            acknowledged.add(deployment_id)
            own.push(deployment_id)
          })
          await attempt(async () => {
            const { deployment_id } = await client.rollback("contested", round % 2 === 0 ? {} : { version })
            acknowledged.add(deployment_id)
            own.push(deployment_id)
          })
          if (round === 3) {
            await attempt(async () => {
              await deleteVersion(client, "contested", `c${index}-1`)
              deleted.add(`c${index}-1`)
            })
          }
        }
        return own
      })
    )
    // Those that change nothing but the order are overtaken, and nothing else happens to them.
    expect(refused.filter((one) => !OVERTAKEN.has(one))).toEqual([])
    await callers.until(({ total }) => total >= 500)
    await callers.stop()
    expect(callers.otherThan(/^200 (v0|c\d-\d)$/)).toEqual([])

    const history = inOrder(server.dataDir)
    const ids = history.map(({ id }) => id)
    expect(ids.filter((id) => !acknowledged.has(id))).toEqual([])
    for (const own of perClient) {
      const kept = own.filter((id) => ids.includes(id))
      expect(ids.filter((id) => kept.includes(id))).toEqual(kept)
    }
    const view = await first.get("contested")
    const versions = await first.versions("contested")
    expect(history.at(-1)?.version).toBe(view.active_version)
    expect(versions.filter(({ active }) => active).map(({ version }) => version)).toEqual([
      view.active_version
    ])
    expect(versions.map(({ version }) => version).filter((version) => deleted.has(version))).toEqual([])
    expect(versions).toHaveLength(31 - deleted.size)
    expect((await first.invoke("contested")).text()).toBe(view.active_version)
    expect(faultsOf(server.dataDir)).toEqual([])
    process.stdout.write(
      `${ids.length} deployments and roll-backs and ${deleted.size} deletions from ${clients.length} clients, ` +
        `${callers.total} calls meanwhile on ${runtime}: 0 errors\n`
    )
    for (const client of clients) await client.close()
    expect(await server.stop()).toBe(0)
    expect(processesNaming(server.dataDir)).toEqual([])
    await server.dispose()
  })

  it("a function that is deleted and made again under calls is there or not there, and nothing else", async () => {
    const server = await startServer()
    const clients = await Promise.all([connectHttp(server.url), connectSocket(server.socketPath)])
    const [http, socket] = clients
    const make = async (client: FunctionsClient, text: string) => {
      await client.register({ name: "phoenix", runtime })
      await client.deploy("phoenix", { version: "v1", bundle: code(text) })
    }
    await make(http, "life 0")
    const callers = new Callers(server, "phoenix", 4)
    const ids = new Set<string>()
    for (let life = 1; life <= 5; life += 1) {
      const client = life % 2 === 0 ? http : socket
      const seen = callers.count(`200 life ${life - 1}`)
      await callers.until((one) => one.count(`200 life ${life - 1}`) > seen)
      ids.add((await client.deleteFunction("phoenix")).function_id)
      // Both of them want it back: they agree on one function, and the second finds it as it wants it.
      await Promise.all([make(client, `life ${life}`), client.register({ name: "phoenix", runtime })])
      expect((await client.invoke("phoenix")).text()).toBe(`life ${life}`)
    }
    await callers.stop()
    const other = callers.otherThan(/^(200 life \d|404 .*"code":"FN_001".*)$/)
    expect(other).toEqual([])
    expect(ids.size).toBe(5)
    expect(await http.list()).toHaveLength(1)
    expect(faultsOf(server.dataDir)).toEqual([])
    for (const client of clients) await client.close()
    await server.dispose()
  })
}

describe("on Bun", () => {
  suite("bun")
})

describeOnQuickJs("on QuickJS-NG", () => {
  suite("quickjs-ng")
})
