import { describe, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const bundle = `
const self = crypto.randomUUID()
const kept = new Response("kept")
export default async (req) => {
  switch (new URL(req.url).pathname) {
    case "/read": { const response = new Response("read"); await response.text(); return response }
    case "/locked": { const response = new Response(new Blob(["locked"]).stream()); response.body.getReader(); return response }
    case "/twice": return kept
    case "/breaks": return new Response(new ReadableStream({ pull(controller) { controller.error(new Error("broke")) } }))
    default: return new Response(self)
  }
}`

describe("a handler that answers a Response whose body is used, or breaks", () => {
  const scene = faultScene()

  it.each(runtimes)("has failed, and its worker goes on: %s", (runtime) =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const { text: self } = await call(fn)
      expectAnswer(await call(fn, "/twice"), "kept")
      for (const path of ["/read", "/locked", "/twice"])
        expectFailed(await call(fn, path), { status: 500, code: "FN_004", cause: "invalid_response" })
      expectFailed(await call(fn, "/breaks"), { status: 500, code: "FN_004" })
      expectAnswer(await call(fn), self)
    })
  )
})
