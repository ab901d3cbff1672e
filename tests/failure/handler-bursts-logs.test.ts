import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"

const LINES = 5_000

const bundle = `
export default (req) => {
  if (new URL(req.url).pathname === "/burst") for (let i = 0; i < ${LINES}; i += 1) console.log("line " + i)
  return new Response("well")
}`

describe("a burst of log lines (R-12)", () => {
  const scene = faultScene()

  it.each(runtimes)("is bounded, in order, and what was cut is counted to the line: %s", (runtime) =>
    scene.play(async ({ call, logged, serve, untilLogged }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const ended = await call(fn, "/burst")
      expectAnswer(ended, "well")
      expectAnswer(await call(fn), "well")
      const record = await untilLogged({ type: "invocation", invocation_id: ended.id })
      const kept = logged().flatMap(({ invocation_id, message, type }) =>
        type === "log" && invocation_id === ended.id && /^line \d+$/.test(String(message)) ? [message] : []
      )
      expect(kept).toEqual(kept.map((_, n) => `line ${n}`))
      expect(kept.length).toBeGreaterThan(0)
      expect(kept.length + Number(record["log_lines_cut"])).toBe(LINES)
    })
  )
})
