import { describe, expect, it } from "vitest"
import { until } from "../support/Api.ts"
import { expectAnswer, expectFailed, faultScene } from "../support/FaultScene.ts"
import { isAlive } from "../support/Processes.ts"

const bundle = `
import { spawn } from "node:child_process"
export default (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/well") return new Response("well")
  const child = spawn("sleep", ["600"], { stdio: ["ignore", "inherit", "inherit"] })
  if (pathname === "/spawn") return new Response(String(child.pid))
  process.exit(5)
}`

// On quickjs-ng a function can start no process.
describe("a child of a worker that holds its stdout", () => {
  const scene = faultScene()

  it("does not keep the worker's end from being told, and ends with it", () =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      const child = Number((await call(fn, "/spawn")).text)
      expect(isAlive(child)).toBe(true)
      expectFailed(await call(fn, "/exit"), { status: 502, code: "FN_004", cause: "exit", exit_code: 5 })
      expectAnswer(await call(fn, "/well"), "well")
      await until(
        async () => isAlive(child),
        (lives) => !lives
      )
    }))
})
