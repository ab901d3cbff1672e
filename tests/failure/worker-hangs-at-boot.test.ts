import { describe, expect, it } from "vitest"
import { deployRefused } from "../support/Api.ts"
import { expectAnswer, faultScene, HARD_BOUND_MS, runtimes } from "../support/FaultScene.ts"

const STARTUP_SECONDS = 1

const hangs = [
  ["spins", "for (;;);"],
  ["waits", "await new Promise(() => {})"]
] as const

describe("a worker that does not get ready", () => {
  const scene = faultScene({ flags: ["--startup-timeout-seconds", String(STARTUP_SECONDS)] })

  it.each(runtimes.flatMap((runtime) => hangs.map(([how, code]) => [runtime, how, code] as const)))(
    "is ended after its time, not deployed, and the version in force goes on: %s, %s",
    (runtime, _how, code) =>
      scene.play(async ({ call, serve, server }) => {
        const fn = await serve(`export default () => new Response("v1")`, { runtime, max_workers: 1 }, 2)
        const startedAt = performance.now()
        const problem = await deployRefused(
          server,
          fn,
          "v2",
          `${code}\nexport default () => new Response("v2")`
        )
        const took = performance.now() - startedAt
        expect([problem.code, problem.detail]).toEqual(["FN_005", expect.stringMatching(/ready|start/)])
        expect(took).toBeGreaterThanOrEqual(STARTUP_SECONDS * 1000 - 1)
        expect(took).toBeLessThan(HARD_BOUND_MS)
        expectAnswer(await call(fn), "v1")
      })
  )
})
