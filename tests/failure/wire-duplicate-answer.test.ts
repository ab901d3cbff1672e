import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene } from "../support/FaultScene.ts"
import { wireVandal } from "../support/WireVandal.ts"

const bundle = `${wireVandal}
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/self") return new Response(self)
  const text = answerTo(idOf(req), "first")
  wire(text + text)
  return await new Promise(() => {})
}`

describe("a second answer to an invocation", () => {
  const scene = faultScene()

  it("changes nothing: the first is its one outcome, and the worker is not used again", () =>
    scene.play(async ({ call, serve, untilLogged }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      const { text: self } = await call(fn, "/self")
      expectAnswer(await call(fn), "first")
      await untilLogged({ function: fn, level: "error" }, /^a worker of /)
      const after = await call(fn, "/self")
      expectAnswer(after, after.text)
      expect(after.text).not.toBe(self)
    }))
})
