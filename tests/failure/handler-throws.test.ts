import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const bundle = `
const self = crypto.randomUUID()
export default async (req) => {
  switch (new URL(req.url).pathname) {
    case "/error": throw new Error("private words")
    case "/null": throw null
    case "/text": throw "private words"
    case "/rejects": return await Promise.reject(new TypeError("private words"))
    case "/hostile": throw { get message() { throw new Error("private words") }, toString() { throw 1 } }
    default: return new Response(self)
  }
}`

const paths = ["/error", "/null", "/text", "/rejects", "/hostile"]

describe("a handler that throws", () => {
  const scene = faultScene()

  it.each(runtimes)(
    "fails its invocation, whatever it throws, without its words; its worker goes on: %s",
    (runtime) =>
      scene.play(async ({ call, serve }) => {
        const fn = await serve(bundle, { runtime, max_workers: 1 })
        const { text: self } = await call(fn)
        for (const path of paths) {
          const ended = await call(fn, path)
          expectFailed(ended, { status: 500, code: "FN_004", cause: "handler" })
          expect(ended.headers.get("x-function-error")).toBe("FN_004")
          expect(ended.text).not.toContain("private words")
        }
        expectAnswer(await call(fn), self)
      })
  )

  it.each(runtimes)("shows the message, never the stack, with expose_errors: %s", (runtime) =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { runtime, expose_errors: true })
      const { text } = await call(fn, "/error")
      expect(text).toContain("private words")
      expect(text).not.toContain("bundle.js")
    })
  )
})
