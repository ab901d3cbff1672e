import { describe, expect, it } from "vitest"
import { expectAnswer, expectFailed, faultScene } from "../support/FaultScene.ts"

const bundle = `
export default (req) => {
  const code = new URL(req.url).searchParams.get("code")
  if (code !== null) process.exit(Number(code))
  return new Response("well")
}`

// On quickjs-ng a function has no way to end its process.
describe("a handler that ends its process (R-4)", () => {
  const scene = faultScene()

  it.each([0, 3])("fails that invocation alone, whatever the exit code: %d", (code) =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      const ended = await call(fn, `/?code=${code}`)
      expectFailed(ended, { status: 502, code: "FN_004", cause: "exit", exit_code: code })
      expect(ended.problem?.retryable).toBe(true)
      expectAnswer(await call(fn), "well")
      await scene.server().printed(new RegExp(` ${fn}@v1 ${ended.id} FN_004: .*it exited with code ${code}`))
    })
  )

  it("over and over uses no place up: each has a worker, though it has to wait for it", () =>
    scene.play(async ({ call, serve }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      for (let i = 0; i < 8; i += 1)
        expectFailed(await call(fn, "/?code=0"), { status: 502, code: "FN_004", cause: "exit", exit_code: 0 })
      expectAnswer(await call(fn), "well")
    }))
})
