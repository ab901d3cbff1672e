import { describe, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const bundle = `
const self = crypto.randomUUID()
export default async (req) => {
  switch (new URL(req.url).pathname) {
    case "/nothing": return undefined
    case "/null": return null
    case "/number": return 42
    case "/text": return "text"
    case "/list": return [200, "text"]
    default: return new Response(self)
  }
}`

describe("a handler that answers something that is no Response", () => {
  const scene = faultScene()

  it.each(runtimes)("has failed, and its worker goes on: %s", (runtime) =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const { text: self } = await call(fn)
      for (const path of ["/nothing", "/null", "/number", "/text", "/list"])
        expectFailed(await call(fn, path), { status: 500, code: "FN_004", cause: "invalid_response" })
      expectAnswer(await call(fn), self)
    })
  )
})
