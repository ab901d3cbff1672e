import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"
import { isAlive } from "../support/Processes.ts"

const LIMIT_MS = 500

const bundle = `
export default (req) => new Response(new URL(req.url).pathname === "/pid" ? String(globalThis.process?.pid) : "well")`

describe("a worker that is stopped by SIGSTOP (R-3)", () => {
  const scene = faultScene()

  it.each(runtimes)("is killed at the deadline of what it is given: %s", (runtime) =>
    scene.play(async ({ call, serve, workerOf }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1, timeout_seconds: LIMIT_MS / 1000 })
      const pid = await workerOf(fn, runtime)
      process.kill(pid, "SIGSTOP")
      const expected = { status: 504, code: "FN_002", cause: "wall_time", limit_ms: LIMIT_MS } as const
      expectFailed(await call(fn), expected, LIMIT_MS)
      expectAnswer(await call(fn), "well")
      expect(isAlive(pid)).toBe(false)
    })
  )
})
