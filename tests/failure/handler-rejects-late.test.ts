import { describe, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"

const bundle = `
const self = crypto.randomUUID()
export default (req) => {
  if (new URL(req.url).pathname === "/late") {
    setTimeout(() => void Promise.reject(new Error("late rejection")), 1)
    setTimeout(() => { throw new Error("late throw") }, 2)
  }
  return new Response(self)
}`

describe("a rejection that nobody handles, after the answer", () => {
  const scene = faultScene()

  it.each(runtimes)("is logged, and costs neither the invocation nor its worker: %s", (runtime) =>
    scene.play(async ({ call, serve, untilLogged }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const { text: self } = await call(fn)
      expectAnswer(await call(fn, "/late"), self)
      await untilLogged({ function: fn, level: "error" }, /late rejection/)
      await untilLogged({ function: fn, level: "error" }, /late throw/)
      expectAnswer(await call(fn), self)
    })
  )
})
