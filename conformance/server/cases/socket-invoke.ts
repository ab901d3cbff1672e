import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { check } from "../check.ts"
import { casesOf } from "../define.ts"

/** Deadlines, leaving clients, and what has to lie on the server's machine. */
const cases = casesOf("socket-invoke", ["socket"])

/** How much later than promised the suite may see an answer, on a machine that is busy. */
const ALLOWANCE_MS = 1_500

cases.each(
  "deadline",
  "An INVOKE ends at its own deadline",
  ["SP-066", "SP-077"],
  {},
  async (bench, runtime) => {
    const fn = await bench.server.sharedFn({ runtime, timeout_seconds: 20, max_workers: 2 })
    await fn.call("/")
    const began = performance.now()
    const { at, payload } = await fn.invoke({ url: "/do/sleep?ms=10000", deadline_ms: 300 })
    check("the answer", { success: false, code: "FN_002", status: 504, error: { $any: "string" } }, payload)
    check("milliseconds until it came", { $gte: 295, $lte: 300 + ALLOWANCE_MS }, at - began)
  }
)

cases.add(
  "function-timeout",
  "A deadline gives no more time than the function has",
  ["SP-067"],
  {},
  async (bench) => {
    const fn = await bench.server.sharedFn({ timeout_seconds: 0.3, max_workers: 2 })
    await fn.call("/")
    const began = performance.now()
    const { at, payload } = await fn.invoke({ url: "/do/sleep?ms=10000", deadline_ms: 60_000 })
    check("the answer", { success: false, code: "FN_002" }, payload)
    check("milliseconds until it came", { $gte: 295, $lte: 300 + ALLOWANCE_MS }, at - began)
  }
)

cases.each(
  "gone-client",
  "What a connection asked for is cancelled with it",
  ["SP-081"],
  {},
  async (bench, runtime) => {
    const fn = await bench.server.fn({ runtime, concurrency: 10, max_workers: 1 })
    const client = bench.keep(await bench.server.connect())
    for (const mark of ["one", "two"])
      client.post("INVOKE", { function_id: fn.name, url: `/do/hold?mark=${mark}` })
    const marks = async (path: string): Promise<ReadonlyArray<string>> =>
      JSON.parse((await fn.call(path)).text) as ReadonlyArray<string>
    await fn.door.until("both invocations", async () =>
      (await marks("/do/holding")).length === 2 ? true : null
    )
    client.destroy()
    await fn.door.until("the end of both", async () =>
      (await marks("/do/aborted")).length === 2 ? true : null
    )
  }
)

cases.add(
  "by-path",
  "A bundle is deployed by its absolute path",
  ["SP-084"],
  { traits: ["local"] },
  async (bench) => {
    const path = join(bench.context.folder, "bundle.js")
    await writeFile(path, "export default () => new Response('by its path')")
    const { name } = await bench.server.register({
      name: `${bench.server.name()}`,
      runtime: bench.server.runtime
    })
    const answer = await bench.server.call("DEPLOY_FUNCTION", {
      function_id: name,
      version: "v1",
      bundle_path: path
    })
    check("the deployment", { status: "OK", payload: { name, version: "v1", status: "deployed" } }, answer)
    const { payload } = await bench.server.call("INVOKE", { function_id: name })
    check("the function", { success: true, body: { $text: "by its path" } }, payload)
  }
)

export const socketInvokeCases = cases.all
