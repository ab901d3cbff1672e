import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"

const NOISY_CALLERS = 24
const QUIET_CALLS = 30

const noisy = `
export default async () => {
  await new Promise((resolve) => setTimeout(resolve, 2))
  return new Response("noisy")
}`
const quiet = `export default () => new Response("quiet")`

describe("a neighbour that takes all workers there are (R-6)", () => {
  const scene = faultScene({ flags: ["--max-workers", "3", "--max-workers-total", "3"] })

  it.each(runtimes)("does not keep another function from its share: %s", (runtime) =>
    scene.play(async ({ call, serve }) => {
      const loud = await serve(noisy, { runtime, max_workers: 3 })
      const fn = await serve(quiet, { runtime, max_workers: 3, idle_timeout_seconds: 0.05 })
      let over = false
      let heard = 0
      const noise = Array.from({ length: NOISY_CALLERS }, async () => {
        while (!over) {
          expectAnswer(await call(loud), "noisy")
          heard += 1
        }
      })
      for (let i = 0; i < QUIET_CALLS; i += 1) expectAnswer(await call(fn), "quiet")
      over = true
      await Promise.all(noise)
      expect(heard).toBeGreaterThanOrEqual(NOISY_CALLERS)
    })
  )
})
