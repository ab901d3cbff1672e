import { describe, it } from "vitest"
import { expectAnswer, expectFailed, faultScene, runtimes } from "../support/FaultScene.ts"

const bundle = `
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/pid") return new Response(String(globalThis.process?.pid))
  if (pathname === "/hold") await new Promise((resolve) => setTimeout(resolve, 600_000))
  return new Response("well")
}`

describe("a worker that is ended by SIGSEGV (R-4)", () => {
  const scene = faultScene()

  it.each(runtimes)("its invocation alone fails, and says so: %s", (runtime) =>
    scene.play(async ({ call, serve, untilShown, workerOf }) => {
      const other = await serve(bundle, { max_workers: 1 })
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const pid = await workerOf(fn, runtime)
      const held = call(fn, "/hold")
      await untilShown(fn, ({ workers }) => workers.busy === 1)
      process.kill(pid, "SIGSEGV")
      expectFailed(await held, { status: 502, code: "FN_004", cause: "signal", signal: "SIGSEGV" })
      expectAnswer(await call(fn), "well")
      expectAnswer(await call(other), "well")
    })
  )
})
