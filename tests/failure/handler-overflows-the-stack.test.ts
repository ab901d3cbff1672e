import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const bundle = `
const self = crypto.randomUUID()
const deeper = (n) => deeper(n + 1) + 1
export default (req) => new Response(new URL(req.url).pathname === "/deep" ? String(deeper(0)) : self)`

describe("a handler that overflows the stack", () => {
  const scene = faultScene()

  it.each(runtimes)("has thrown, and its worker goes on: %s", (runtime) =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const { text: self } = await call(fn)
      for (let i = 0; i < 3; i += 1)
        expectFailed(await call(fn, "/deep"), { status: 500, code: "FN_004", cause: "handler" })
      expectAnswer(await call(fn), self)
      expect(self).toMatch(/^[\da-f-]{36}$/)
    })
  )
})
