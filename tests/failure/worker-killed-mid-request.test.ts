import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"
import { isAlive } from "../support/Processes.ts"

const bundle = `
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/pid") return new Response(String(globalThis.process?.pid))
  if (pathname === "/hold") await new Promise((resolve) => setTimeout(resolve, 600_000))
  return new Response("well")
}`

describe("a worker that is killed while it has invocations (R-4)", () => {
  const scene = faultScene()

  it.each(runtimes)("they alone fail, and say by what; the next ones have another worker: %s", (runtime) =>
    scene.play(async ({ call, serve, untilShown, workerOf }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1, concurrency: 3 })
      const pid = await workerOf(fn, runtime)
      const held = [call(fn, "/hold"), call(fn, "/hold")]
      await untilShown(fn, ({ workers }) => workers.busy === 1)
      // What comes behind them is answered, so they are with their worker.
      expectAnswer(await call(fn), "well")
      const killedAt = performance.now()
      process.kill(pid, "SIGKILL")
      for (const ended of await Promise.all(held)) {
        expectFailed(ended, { status: 502, code: "FN_004", cause: "signal", signal: "SIGKILL" })
      }
      console.log(`R-4 ${runtime}: from kill to error ${(performance.now() - killedAt).toFixed(1)} ms`)
      expectAnswer(await call(fn), "well")
      expect(isAlive(pid)).toBe(false)
    })
  )
})
