import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { connectHttp, type FunctionsClient } from "../../src/client/index.ts"
import { until } from "../support/Api.ts"
import { code } from "../support/ControlPlane.ts"
import { Gate } from "../support/Gate.ts"
import { descendantsOf, stillLives } from "../support/Processes.ts"
import { faultsOf } from "../support/StoredState.ts"
import { startServer } from "../support/TestServer.ts"

/**
 * SIGKILL from outside while a worker evaluates the code that is to be put in force: between two steps of the server's own
 * (R-2, R-9).
 */

/** Code that waits at its top level until the gate opens. */
const waiting = (
  gate: Gate,
  text: string
): string => `const first = (${gate.handler("").replace("export default", "")})
await first()
export default () => new Response(${JSON.stringify(text)})`

const change: ReadonlyArray<
  readonly [
    what: string,
    before: (client: FunctionsClient, gate: Gate) => Promise<unknown>,
    act: (client: FunctionsClient, gate: Gate) => Promise<unknown>,
    versions: ReadonlyArray<string>
  ]
> = [
  [
    "a deployment",
    (client) => client.deploy("slow", { version: "v1", bundle: code("now") }),
    (client, gate) => client.deploy("slow", { version: "v2", bundle: waiting(gate, "next") }),
    ["v1"]
  ],
  [
    "a roll-back",
    async (client, gate) => {
      const first = client.deploy("slow", { version: "v1", bundle: waiting(gate, "next") })
      await gate.arrived(1)
      gate.open()
      await first
      await client.deploy("slow", { version: "v2", bundle: code("now") })
    },
    (client) => client.rollback("slow"),
    ["v1", "v2"]
  ]
]

it.each(change)("%s: what was in force is in force, and nobody is left", async (_, before, act, versions) => {
  const home = mkdtempSync(join(tmpdir(), "bunbase-test-"))
  const place = { dataDir: join(home, "data"), socketPath: join(home, "s.sock") }
  await using first = new Gate()
  await using second = new Gate()
  const server = await startServer(place)
  const client = await connectHttp(server.url)
  await client.register({ name: "slow" })
  await before(client, first)
  // A roll-back finds an open gate, and one that is closed by the next line.
  const [gate, arrivals] = versions.length === 1 ? [second, 1] : [first, 2]
  if (versions.length === 2) first.close()
  const outcome = act(client, gate).then(
    () => "acknowledged",
    () => "lost"
  )
  await gate.arrived(arrivals)
  const below = descendantsOf(server.pid)
  expect(below.length).toBeGreaterThan(0)
  await server.kill()
  expect(await outcome).toBe("lost")
  await until(
    async () => below.filter(stillLives),
    (left) => left.length === 0
  )
  await client.close()
  await server.dispose()

  const next = await startServer(place)
  const again = await connectHttp(next.url)
  expect((await again.versions("slow")).map(({ version }) => version)).toEqual(versions)
  expect((await again.invoke("slow")).text()).toBe("now")
  expect(faultsOf(place.dataDir)).toEqual([])
  first.open()
  second.open()
  await act(again, gate)
  expect((await again.invoke("slow")).text()).toBe("next")
  await again.close()
  await next.dispose()
  rmSync(home, { recursive: true })
})
