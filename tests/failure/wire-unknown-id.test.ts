import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene } from "../support/FaultScene.ts"
import { wireVandal } from "../support/WireVandal.ts"

const bundle = `${wireVandal}
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/self") return new Response(self)
  wire(answerTo("never-given", "for nobody"))
  return await new Promise(() => {})
}`

describe("an answer to an invocation that the worker was never given", () => {
  const scene = faultScene()

  it("is a breach of the protocol: what it has fails, and it is not used again", () =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      const { text: self } = await call(fn, "/self")
      expectFailed(await call(fn), { status: 502, code: "FN_004", cause: "protocol" })
      const after = await call(fn, "/self")
      expectAnswer(after, after.text)
      expect(after.text).not.toBe(self)
    }))
})
