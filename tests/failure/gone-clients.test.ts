import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { getFunction, serve, until } from "../support/Api.ts"
import { isBuilt } from "../support/ForkedRuntime.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

/** Far beyond what a test may take: whatever answers here was not freed by a deadline. */
const DEADLINE_S = 600

const bundle = `
const self = crypto.randomUUID()
export default async (req) => {
  switch (new URL(req.url).pathname) {
    case "/spin": for (;;);
    case "/ignore": return await new Promise(() => {})
    case "/obey": return await new Promise((_, reject) => req.signal.addEventListener("abort", () => reject(req.signal.reason)))
    default: return new Response(self)
  }
}`

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.dispose())

const runtimes = isBuilt ? ["bun", "quickjs-ng"] : ["bun"]
describe.each(runtimes)("callers that hang up (R-10), on %s", (runtime) => {
  const call = (name: string, path: string, signal?: AbortSignal): Promise<Response> =>
    fetch(`${server.url}/functions/${name}${path}`, signal === undefined ? {} : { signal })
  const self = async (name: string): Promise<string> => await (await call(name, "/")).text()
  /** Calls and hangs up as soon as a worker has it. */
  const hangUp = async (name: string, path: string, callers: number): Promise<void> => {
    const controller = new AbortController()
    const calls = Array.from({ length: callers }, () => call(name, path, controller.signal))
    await until(
      () => getFunction(server, name),
      ({ workers }) => workers.busy === callers
    )
    controller.abort()
    const ends = await Promise.allSettled(calls)
    expect(ends.map(({ status }) => status)).toEqual(calls.map(() => "rejected"))
  }

  for (const path of ["/spin", "/ignore"]) {
    it(`do not keep the workers that go on: ${path}`, async () => {
      const name = `gone${path.replace("/", "-")}-${runtime}`
      await serve(server, name, bundle, { runtime, timeout_seconds: DEADLINE_S, max_workers: 2 })
      const before = await self(name)
      await hangUp(name, path, 2)
      // Both workers have to go for this.
      const after = await Promise.all([self(name), self(name)])
      expect(after).not.toContain(before)
    })
  }

  it("cost no worker that gives up when it is told", async () => {
    const name = `gone-obey-${runtime}`
    await serve(server, name, bundle, { runtime, timeout_seconds: DEADLINE_S, max_workers: 1 })
    const before = await self(name)
    await hangUp(name, "/obey", 1)
    expect(await self(name)).toBe(before)
  })
})
