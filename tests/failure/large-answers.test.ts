import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { problemOf, serve } from "../support/Api.ts"
import { isBuilt } from "../support/ForkedRuntime.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const LIMIT = 10 * 1024 * 1024

/** Answers with as many bytes as it is told, in memory or as a stream, and says which worker it is. */
const bundle = `
const self = crypto.randomUUID()
export default (req) => {
  const { pathname, searchParams } = new URL(req.url)
  if (pathname === "/self") return new Response(self)
  const bytes = new Uint8Array(Number(searchParams.get("bytes")))
  if (pathname === "/memory") return new Response(bytes)
  return new Response(new ReadableStream({
    start(controller) { controller.enqueue(bytes); controller.close() }
  }))
}`

let server: TestServer
beforeAll(async () => {
  server = await startServer({ flags: ["--max-response-bytes", String(LIMIT)] })
})
afterAll(() => server.dispose())

const runtimes = isBuilt ? ["bun", "quickjs-ng"] : ["bun"]
describe.each(runtimes)("the size of an answer, on %s", (runtime) => {
  const name = `large-${runtime}`
  const call = (path: string): Promise<Response> => fetch(`${server.url}/functions/${name}${path}`)
  beforeAll(async () => {
    const settings = { runtime, timeout_seconds: 600, max_workers: 1, memory_mb: 1024 }
    await serve(server, name, bundle, settings)
  })

  it.each([LIMIT - 1, LIMIT])("may be up to max_response_bytes: %d", async (bytes) => {
    const answer = await call(`/memory?bytes=${bytes}`)
    expect([answer.status, (await answer.bytes()).length]).toEqual([200, bytes])
  })

  // Just over the limit, far over it, over what a line of the worker protocol takes.
  const sizes = [1, 2, 3].map((over) => LIMIT + over)
  it.each([...sizes, 20_000_000, 47 * 1024 * 1024 + 1, 100_000_000])(
    "over it is one answer, whatever the size, and costs no worker: %d",
    async (bytes) => {
      const self = await (await call("/self")).text()
      for (const how of ["memory", "stream"]) {
        const answer = await call(`/${how}?bytes=${bytes}`)
        expect(answer.status).toBe(502)
        expect(await problemOf(answer)).toMatchObject({
          code: "FN_004",
          status: 502,
          retryable: false,
          detail: `the response is larger than max_response_bytes (${LIMIT})`
        })
      }
      expect(await (await call("/self")).text()).toBe(self)
    }
  )
})
