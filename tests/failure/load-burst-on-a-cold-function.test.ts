import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"

const WORKERS = 4
/** Ten times what its workers take at once. */
const CALLS = 10 * WORKERS

const bundle = `
export default async () => {
  await new Promise((resolve) => setTimeout(resolve, 5))
  return new Response("well")
}`

describe("a burst of ten times the capacity on a function without workers (R-5, R-6)", () => {
  const scene = faultScene()

  it.each(runtimes)("is answered, by no more workers than there may be: %s", (runtime) =>
    scene.play(async ({ call, serve, untilShown }) => {
      const settings = { runtime, max_workers: WORKERS, idle_timeout_seconds: 0.05 }
      const fn = await serve(bundle, settings)
      // The worker of the deployment ends; then there is none.
      await untilShown(fn, ({ workers }) => Object.values(workers).every((count) => count === 0))
      const all = await Promise.all(Array.from({ length: CALLS }, () => call(fn)))
      expect(all).toHaveLength(CALLS)
      for (const ended of all) expectAnswer(ended, "well")
    })
  )
})
