import { rm } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { getFunction, problemOf, serve, until } from "../support/Api.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(async () => {
  await server.dispose()
})

it("a bundle deleted behind the server's back: its calls say FN_005, every other function serves, a redeploy mends it", async () => {
  const code = `export default () => new Response("here")`
  const { function_id: id } = await serve(server, "deleted", code, { idle_timeout_seconds: 0.1 })
  await serve(server, "other", code)
  await rm(join(server.dataDir, "bundles", id, "v1"), { recursive: true })
  // The worker that has loaded it serves on until it ends.
  await until(
    () => getFunction(server, "deleted"),
    ({ workers }) => workers.warm + workers.idle + workers.busy + workers.draining === 0
  )
  const response = await fetch(`${server.url}/functions/deleted`)
  const problem = await problemOf(response)
  expect([response.status, problem.code]).toEqual([422, "FN_005"])
  expect(problem.detail).not.toContain(server.dataDir)
  expect(await (await fetch(`${server.url}/functions/other`)).text()).toBe("here")

  const again = await fetch(`${server.url}/api/functions/deleted/deploy`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ version: "v1", bundle: code })
  })
  expect(again.status).toBe(200)
  expect(await (await fetch(`${server.url}/functions/deleted`)).text()).toBe("here")
})
