import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { deploy, deployRefused, getFunction, register, serve, until, versionsOf } from "../support/Api.ts"
import type { Problem } from "../../src/protocol/Problem.ts"
import { Gate } from "../support/Gate.ts"
import { isAlive } from "../support/Processes.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const answering = (text: string): string => `export default () => new Response(${JSON.stringify(text)})`

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => {
  await server.dispose()
})

/** Calls the function in a loop from several callers until told to stop; collects what was answered. */
const callers = (name: string, count: number) => {
  const seen = new Map<string, number>()
  let going = true
  const loops = Array.from({ length: count }, async () => {
    while (going) {
      const response = await fetch(`${server.url}/functions/${name}`)
      const key = `${response.status} ${await response.text()}`
      seen.set(key, (seen.get(key) ?? 0) + 1)
    }
  })
  return {
    seen,
    stop: async () => {
      going = false
      await Promise.all(loops)
    }
  }
}

describe("deploy with traffic (R-7)", () => {
  it("loses no request while versions change under load", async () => {
    await serve(server, "changing", answering("v1"), { max_workers: 2 })
    const traffic = callers("changing", 4)
    for (let version = 2; version <= 6; version += 1) {
      await deploy(server, "changing", `v${version}`, answering(`v${version}`))
      // Whatever is asked after the deploy was acknowledged is answered by the new version.
      expect(await (await fetch(`${server.url}/functions/changing`)).text()).toBe(`v${version}`)
      await until(
        async () => traffic.seen.get(`200 v${version}`) ?? 0,
        (calls) => calls >= 2000
      )
    }
    await traffic.stop()
    expect([...traffic.seen.keys()].filter((key) => !/^200 v\d$/.test(key))).toEqual([])
    // R-7 promises no error in 10,000.
    expect([...traffic.seen.values()].reduce((sum, calls) => sum + calls)).toBeGreaterThanOrEqual(10_000)
  }, 120_000)

  it("ends the workers of the version before", async () => {
    const itself = "export default () => new Response(String(process.pid))"
    const worker = async (): Promise<number> =>
      Number(await (await fetch(`${server.url}/functions/replaced`)).text())
    await serve(server, "replaced", itself)
    const old = await worker()
    expect(isAlive(old)).toBe(true)
    await deploy(server, "replaced", "v2", itself)
    expect(await worker()).not.toBe(old)
    await until(
      () => Promise.resolve(isAlive(old)),
      (lives) => !lives
    )
  })

  it("lets an old worker finish what it has", async () => {
    await using gate = new Gate()
    await serve(server, "finishing", gate.handler("old"))
    const answer = fetch(`${server.url}/functions/finishing`)
    await gate.arrived(1)
    await deploy(server, "finishing", "v2", answering("new"))
    expect(await (await fetch(`${server.url}/functions/finishing`)).text()).toBe("new")
    gate.open()
    expect(await (await answer).text()).toBe("old")
  })

  it("serialises concurrent deploys; the function serves one of them and all versions are kept", async () => {
    await serve(server, "contested", answering("v1"))
    const results = await Promise.all(
      [2, 3, 4, 5].map((n) => deploy(server, "contested", `v${n}`, answering(`v${n}`)))
    )
    expect(results.every((one) => one.status === "deployed")).toBe(true)
    const view = await getFunction(server, "contested")
    const versions = await versionsOf(server, "contested")
    expect(versions.map(({ version }) => version).toSorted()).toEqual(["v1", "v2", "v3", "v4", "v5"])
    expect(versions.filter(({ active }) => active).map(({ version }) => version)).toEqual([
      view.active_version
    ])
    expect(await (await fetch(`${server.url}/functions/contested`)).text()).toBe(view.active_version ?? "")
  })
})

describe("a deploy that fails (FN_005)", () => {
  it("refuses the same version with other content", async () => {
    await serve(server, "immutable", answering("v1"))
    const problem = await deployRefused(server, "immutable", "v1", answering("changed"))
    expect([problem.code, problem.status]).toEqual(["FN_005", 422])
    expect(problem.detail).toMatch(
      /^version "v1" exists with other content \(sha256 [0-9a-f]{12}…, this is [0-9a-f]{12}…\); a version never changes: deploy this under a new version; nothing was deployed; version v1 of immutable still serves$/
    )
    expect(await (await fetch(`${server.url}/functions/immutable`)).text()).toBe("v1")
  })

  it("tells unknown from not deployed", async () => {
    await register(server, "only-registered")
    const known = await fetch(`${server.url}/functions/only-registered`)
    const unknown = await fetch(`${server.url}/functions/nobody`)
    expect([known.status, unknown.status]).toEqual([404, 404])
    expect(known.headers.get("x-function-error")).toBe("FN_001")
    expect((await known.json()) as Problem).toMatchObject({
      code: "FN_001",
      detail: expect.stringContaining("no version of it is deployed")
    })
    expect((await unknown.json()) as Problem).toMatchObject({
      code: "FN_001",
      detail: expect.stringContaining('no function is called "nobody"')
    })
  })
})
