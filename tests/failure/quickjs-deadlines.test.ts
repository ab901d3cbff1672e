import { afterAll, beforeAll, expect, it } from "vitest"
import { problemOf, serve } from "../support/Api.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const REPETITIONS = 20

/** `/regex` backtracks in the engine's own code for longer than anybody waits. */
const bundle = `
const self = crypto.randomUUID()
export default (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/spin") for (;;);
  if (pathname === "/regex") return new Response(String(/^(a+)+$/.test("a".repeat(64) + "!")))
  return new Response(self)
}`

// The worker watches the deadline too: whichever of the two is first, the caller hears the same.
describeOnQuickJs("a deadline on quickjs-ng, over HTTP (R-3)", () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.dispose())

  it.each(["spin", "regex"])(
    "is FN_002 every time, and that worker is not used again: %s",
    async (what) => {
      const call = (path: string): Promise<Response> => fetch(`${server.url}/functions/${what}/${path}`)
      await serve(server, what, bundle, { runtime: "quickjs-ng", timeout_seconds: 0.2, max_workers: 1 })
      const answers: Array<unknown> = []
      const workers = new Set<string>()
      for (let i = 0; i < REPETITIONS; i += 1) {
        const answer = await call(what)
        answers.push([answer.status, (await problemOf(answer)).code])
        // A start may take longer than the deadline.
        let next = await call("self")
        while (next.status !== 200) next = await call("self")
        workers.add(await next.text())
      }
      expect(answers).toEqual(Array.from({ length: REPETITIONS }, () => [504, "FN_002"]))
      expect(workers.size).toBe(REPETITIONS)
    },
    60_000
  )
})
