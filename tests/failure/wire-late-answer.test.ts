import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const LIMIT_MS = 300

const bundle = `
const self = crypto.randomUUID()
export default async (req) => {
  if (new URL(req.url).pathname === "/self") return new Response(self)
  // Answers as soon as its time is over.
  await new Promise((resolve) => req.signal.addEventListener("abort", resolve))
  return new Response("late")
}`

describe("an answer that comes after the deadline", () => {
  // Time enough for it to come: what is late is known by the deadline, not by the end of the grace.
  const scene = faultScene({ flags: ["--cancel-grace-ms", "10000"] })

  it.each(runtimes)("is not the outcome, and its worker is not used again: %s", (runtime) =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1, timeout_seconds: LIMIT_MS / 1000 })
      const { text: self } = await call(fn, "/self")
      const expected = { status: 504, code: "FN_002", cause: "wall_time", limit_ms: LIMIT_MS } as const
      expectFailed(await call(fn, "/late"), expected, LIMIT_MS)
      const after = await call(fn, "/self")
      expectAnswer(after, after.text)
      expect(after.text).not.toBe(self)
    })
  )
})
