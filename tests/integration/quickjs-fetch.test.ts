import { createServer } from "node:net"
import { afterAll, beforeAll, expect, it } from "vitest"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import { problemOf, serve } from "../support/Api.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** `/caught` tells what `fetch` came to, `/uncaught` leaves a rejection to the server. */
const bundle = `
export default async (req) => {
  const { pathname, searchParams } = new URL(req.url)
  const to = searchParams.get("to")
  if (pathname === "/uncaught") return await fetch(to)
  try {
    const answer = await fetch(to, { method: "POST", body: "sent", headers: { "x-own": "1" } })
    return new Response(answer.status + " " + answer.headers.get("x-other") + " " + (await answer.text()))
  } catch (error) {
    return new Response([error instanceof TypeError, error.name, error.code].join(" "))
  }
}`

/** A port on which nobody listens. */
const closedPort = async (): Promise<number> => {
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
  const { port } = listener.address() as { readonly port: number }
  await new Promise((resolve) => listener.close(resolve))
  return port
}

describeOnQuickJs("fetch on quickjs-ng, over HTTP", () => {
  let server: TestServer
  const other = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) =>
      new Response(`${request.method} ${request.headers.get("x-own")} ${await request.text()}`, {
        status: 201,
        headers: { "x-other": "2" }
      })
  })
  beforeAll(async () => {
    server = await startServer()
    // Whatever does not settle is told by a 504, not by this test's own time-out.
    const settings = { runtime: "quickjs-ng", timeout_seconds: 5 }
    for (const name of ["permissive", "strict"] as const)
      await serve(server, name, bundle, { ...settings, capabilities: profileCapabilities[name] })
  })
  afterAll(async () => {
    await other.stop(true)
    await server.dispose()
  })
  const call = (name: string, path: string, port: number | undefined): Promise<Response> =>
    fetch(`${server.url}/functions/${name}/${path}?to=${encodeURIComponent(`http://127.0.0.1:${port}/`)}`)

  it("answers where the function may", async () => {
    const answer = await call("permissive", "caught", other.port)
    expect([answer.status, await answer.text()]).toEqual([200, "201 2 POST 1 sent"])
  })

  it("reaches functions of its own server, and not the management API of one without a key (R-13)", async () => {
    const own = new URL(server.url).port
    const at = (path: string) =>
      fetch(
        `${server.url}/functions/permissive/caught?to=${encodeURIComponent(`http://127.0.0.1:${own}${path}`)}`
      )
    expect(await (await at("/functions/strict/caught?to=x")).text()).toMatch(/^200 /)
    const answer = await (await at("/api/functions")).text()
    expect(answer).toMatch(/^403 /)
    expect(answer).toContain("FN_009")
  })

  it("rejects with a TypeError where nobody listens; uncaught that is FN_004", async () => {
    const port = await closedPort()
    const caught = await call("permissive", "caught", port)
    expect([caught.status, (await caught.text()).startsWith("true TypeError")]).toEqual([200, true])
    const uncaught = await call("permissive", "uncaught", port)
    expect([uncaught.status, (await problemOf(uncaught)).code]).toEqual([500, "FN_004"])
  })

  it("that is not answered in time is FN_002, like everything that outlasts its deadline (R-3)", async () => {
    using silent = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) =>
        new Promise((resolve) => request.signal.addEventListener("abort", () => resolve(new Response())))
    })
    await serve(server, "hurried", bundle, {
      runtime: "quickjs-ng",
      timeout_seconds: 0.1,
      capabilities: profileCapabilities.permissive
    })
    // Several, because a fetch that ends at the very deadline only mostly comes first.
    for (let i = 0; i < 5; i += 1) {
      const answer = await call("hurried", "uncaught", silent.port)
      expect([answer.status, (await problemOf(answer)).code]).toEqual([504, "FN_002"])
    }
  })

  it("rejects with PERMISSION_DENIED where the function may not; uncaught that is FN_009", async () => {
    const caught = await call("strict", "caught", other.port)
    expect([caught.status, await caught.text()]).toEqual([200, "true TypeError PERMISSION_DENIED"])
    const uncaught = await call("strict", "uncaught", other.port)
    expect([uncaught.status, (await problemOf(uncaught)).code]).toEqual([403, "FN_009"])
  })
})
