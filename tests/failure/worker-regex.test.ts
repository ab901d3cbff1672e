import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"
import { isAlive } from "../support/Processes.ts"

const LIMIT_MS = 500

const bundle = `
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/pid") return new Response(String(globalThis.process?.pid))
  if (pathname === "/late") {
    // The engine may give one match up after a second or so; the loop keeps it in native code.
    for (;;) /^(a+)+$/.test("a".repeat(64) + "!")
  }
  return new Response("well")
}`

describe("a regular expression that backtracks without end (R-3)", () => {
  const scene = faultScene()

  it.each(runtimes)("is ended at its deadline, with its worker, which is not used again: %s", (runtime) =>
    scene.play(async ({ call, serve, workerOf }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1, timeout_seconds: LIMIT_MS / 1000 })
      const pid = await workerOf(fn, runtime)
      const ended = await call(fn, "/late")
      const expected = {
        status: 504,
        code: "FN_002",
        cause: "wall_time",
        phase: "run",
        limit_ms: LIMIT_MS
      } as const
      expectFailed(ended, expected, LIMIT_MS)
      console.log(`R-3 ${runtime}: a deadline of ${LIMIT_MS} ms was enforced after ${ended.ms.toFixed(1)} ms`)
      expectAnswer(await call(fn), "well")
      expect(isAlive(pid)).toBe(false)
      await scene
        .server()
        .printed(new RegExp(` ${fn}@v1 ${ended.id} FN_002: the function did not answer within`))
    })
  )
})
