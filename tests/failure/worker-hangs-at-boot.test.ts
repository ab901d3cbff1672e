import { describe, expect, it } from "vitest"
import { deployRefused } from "../support/Api.ts"
import { expectAnswer, faultScene, HARD_BOUND_MS, type RuntimeName, runtimes } from "../support/FaultScene.ts"

const STARTUP_SECONDS = 2

const hangs = ["for (;;);", "await new Promise(() => {})"]

describe("a worker that does not get ready", () => {
  const scene = faultScene({ flags: ["--startup-timeout-seconds", String(STARTUP_SECONDS)] })

  // Side by side, because they only wait.
  it("is ended after its time, not deployed, and the version in force goes on", () =>
    scene.play(async ({ call, serve, server }) => {
      const hang = async (runtime: RuntimeName, code: string): Promise<void> => {
        const fn = await serve(`export default () => new Response("v1")`, { runtime, max_workers: 1 }, 2)
        const startedAt = performance.now()
        const bundle = `${code}\nexport default () => new Response("v2")`
        const problem = await deployRefused(server, fn, "v2", bundle)
        const took = performance.now() - startedAt
        expect([runtime, problem.code, problem.detail]).toEqual([
          runtime,
          "FN_005",
          expect.stringMatching(/ready|start/)
        ])
        expect(took).toBeGreaterThanOrEqual(STARTUP_SECONDS * 1000 - 1)
        expect(took).toBeLessThan(HARD_BOUND_MS)
        expectAnswer(await call(fn), "v1")
      }
      await Promise.all(runtimes.flatMap((runtime) => hangs.map((code) => hang(runtime, code))))
    }))
})
