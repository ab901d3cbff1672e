import { describe, it } from "vitest"
import { expectAnswer, expectFailed, faultScene } from "../support/FaultScene.ts"

const bundle = `
import { closeSync } from "node:fs"
export default (req) => {
  if (new URL(req.url).pathname === "/well") return new Response("well")
  for (let fd = 3; fd < 64; fd += 1) try { closeSync(fd) } catch {}
  return new Response("never said")
}`

describe("a worker that closes its wire", () => {
  const scene = faultScene()

  it("is a worker that is lost: its invocation fails, the next one has another", () =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      expectFailed(await call(fn), { status: 502, code: "FN_004" })
      expectAnswer(await call(fn, "/well"), "well")
    }))
})
