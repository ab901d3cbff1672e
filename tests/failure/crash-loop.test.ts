import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { getFunction, problemOf, serve, until } from "../support/Api.ts"
import { cli } from "../support/Cli.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const dies = `export default (request) => {
  if (new URL(request.url).searchParams.has("die")) process.exit(7)
  return new Response("well")
}`

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.dispose())

const call = (name: string, query = ""): Promise<Response> => fetch(`${server.url}/functions/${name}${query}`)

/** Calls that die, until the function is quarantined; gives what each was answered. */
const dieUntilQuarantined = async (name: string): Promise<ReadonlyArray<string>> => {
  const causes: Array<string> = []
  while ((await getFunction(server, name)).quarantine === null) {
    const problem = await problemOf(await call(name, "?die"))
    causes.push(`${problem.code} ${problem.cause} ${problem.exit_code ?? ""}`)
  }
  return causes
}

describe("a function that dies with every call (R-4)", () => {
  it("is quarantined after twenty, says why, starts nothing meanwhile, and harms no other function", async () => {
    await serve(server, "looping", dies, { max_workers: 2 })
    await serve(server, "neighbour", dies)
    const causes = await dieUntilQuarantined("looping")
    expect(causes).toEqual(Array.from({ length: 20 }, () => "FN_004 exit 7"))

    const { quarantine, workers } = await until(
      () => getFunction(server, "looping"),
      (view) => view.workers.draining === 0
    )
    expect(quarantine).toMatchObject({ cause: "crashes", failures: 20 })
    expect(quarantine?.reason).toMatch(
      /^its workers crashed 20 times in a row \(the last one: exited with code 7\), so the function is quarantined and one is tried again in \d+ s; deploy a version that works, or end this with: bunbase fn reset looping$/
    )
    expect(workers).toEqual({ starting: 0, warm: 0, busy: 0, idle: 0, draining: 0 })

    const refused = await call("looping")
    const problem = await problemOf(refused)
    expect([refused.status, problem.code, problem.cause]).toEqual([503, "FN_008", "quarantine"])
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
    expect(await (await call("neighbour")).text()).toBe("well")
    await server.printed(/ looping@v1 its workers crashed 20 times in a row/)
  })

  it("is out of quarantine with `bunbase fn reset`, at once", async () => {
    const said = await cli(["fn", "reset", "looping", "--socket", server.socketPath])
    expect([said.code, said.stdout]).toEqual([0, "looping is out of quarantine\n"])
    expect(await (await call("looping")).text()).toBe("well")
    expect((await getFunction(server, "looping")).quarantine).toBe(null)
  })

  it("never comes into it where other calls go well", async () => {
    for (const deaths of [10, 10, 5]) {
      for (let i = 0; i < deaths; i += 1)
        expect((await problemOf(await call("looping", "?die"))).code).toBe("FN_004")
      expect(await (await call("looping")).text()).toBe("well")
    }
    expect((await getFunction(server, "looping")).quarantine).toBe(null)
  })
})
