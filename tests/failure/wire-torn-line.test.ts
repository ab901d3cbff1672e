import { describe, it } from "vitest"
import { expectAnswer, expectFailed, faultScene } from "../support/FaultScene.ts"
import { wireVandal } from "../support/WireVandal.ts"

const LIMIT_MS = 500

const bundle = `${wireVandal}
export default (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/well") return new Response("well")
  wire(answerTo(idOf(req), "never whole").slice(0, 60))
  if (pathname === "/exit") process.exit(0)
  if (pathname === "/kill") process.kill(process.pid, "SIGKILL")
  return new Response("behind the torn line")
}`

describe("a line that is torn in its middle", () => {
  const scene = faultScene()

  it("by the worker's exit: the invocation fails by that", () =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      expectFailed(await call(fn, "/exit"), { status: 502, code: "FN_004", cause: "exit", exit_code: 0 })
      expectAnswer(await call(fn, "/well"), "well")
    }))

  it("by a signal: the invocation fails by that", () =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      const expected = { status: 502, code: "FN_004", cause: "signal", signal: "SIGKILL" } as const
      expectFailed(await call(fn, "/kill"), expected)
      expectAnswer(await call(fn, "/well"), "well")
    }))

  it("and goes on as another: neither is an answer, and the worker is not used again", () =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1, timeout_seconds: LIMIT_MS / 1000 })
      const expected = { status: 504, code: "FN_002", cause: "wall_time", limit_ms: LIMIT_MS } as const
      expectFailed(await call(fn, "/go-on"), expected, LIMIT_MS)
      expectAnswer(await call(fn, "/well"), "well")
    }))
})
