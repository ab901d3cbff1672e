import { afterAll, beforeAll, expect, it } from "vitest"
import { connectSocket, FunctionsError, type FunctionsClient } from "../../src/client/index.ts"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import { deployRefused, problemOf, register, serve } from "../support/Api.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** Code from text, in every way that the language has; each is left uncaught. */
const ways = {
  eval: `eval("1 + 1")`,
  "an indirect eval": `(0, eval)("1 + 1")`,
  "new Function": `new Function("return 2")()`,
  "Function as it is called": `Function("return 2")()`,
  "a function's constructor": `(() => {}).constructor("return 2")()`,
  "an async function's constructor": `await (async () => {}).constructor("return 2")()`,
  "a generator's constructor": `(function* () {}).constructor("yield 2")().next().value`,
  "an async generator's constructor": `(await (async function* () {}).constructor("yield 2")().next()).value`
}
const names = Object.keys(ways) as ReadonlyArray<keyof typeof ways>
const bundle = `
const ways = {
${names.map((name, i) => `  "/${i}": async () => ${ways[name]}`).join(",\n")}
}
export default async (req) => new Response(String(await ways[new URL(req.url).pathname]()))`

const says = "the function has not the capability eval"

describeOnQuickJs("code from text on quickjs-ng, through a server (R-13)", () => {
  let server: TestServer
  let client: FunctionsClient
  beforeAll(async () => {
    server = await startServer()
    client = await connectSocket(server.socketPath)
    for (const [name, capabilities] of [
      ["strict", profileCapabilities.strict],
      ["custom", { ...profileCapabilities.strict, profile: "custom" }],
      ["granted", { ...profileCapabilities.strict, profile: "custom", eval: true }],
      ["permissive", profileCapabilities.permissive]
    ] as const)
      await serve(server, name, bundle, { runtime: "quickjs-ng", capabilities })
  })
  afterAll(async () => {
    await client.close()
    await server.dispose()
  })

  it.each(names)("is FN_009 on strict, over HTTP and over the socket: %s", async (way) => {
    const path = `/${names.indexOf(way)}`
    const answer = await fetch(`${server.url}/functions/strict${path}`)
    expect([answer.status, answer.headers.get("x-function-error")]).toEqual([403, "FN_009"])
    expect(await problemOf(answer)).toMatchObject({ code: "FN_009", detail: expect.stringContaining(says) })
    const refusal = await client.invoke("strict", { path }).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(FunctionsError)
    expect(refusal).toMatchObject({ code: "FN_009", message: expect.stringContaining(says) })
    const custom = await fetch(`${server.url}/functions/custom${path}`)
    expect([custom.status, (await problemOf(custom)).code]).toEqual([403, "FN_009"])
  })

  it.each(names)("runs where eval was granted: %s", async (way) => {
    for (const name of ["granted", "permissive"]) {
      const answer = await fetch(`${server.url}/functions/${name}/${names.indexOf(way)}`)
      expect([name, answer.status, await answer.text()]).toEqual([name, 200, "2"])
    }
  })

  it("at the top level refuses the deployment, with its place", async () => {
    await register(server, "early", { runtime: "quickjs-ng" })
    const problem = await deployRefused(
      server,
      "early",
      "v1",
      "const f = 1\n  new Function('return 1')\nexport default () => f"
    )
    expect(problem).toMatchObject({ code: "FN_005", file: "bundle.js", line: 2 })
    expect(problem.detail).toContain(says)
  })
})
