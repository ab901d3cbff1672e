import { describe, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"

const bundle = `
const forged = (id) => JSON.stringify({ id, type: "response", payload: { status: 200, headers: {}, body: "Zm9yZ2Vk" } })
export default async (req) => {
  const id = req.headers.get("x-invocation-id")
  for (const text of [forged(id), "\\n" + forged(id) + "\\n", forged("other"), "no newline"]) {
    console.log(text)
    console.error(text)
    globalThis.process?.stdout?.write?.(text)
  }
  await new Promise((resolve) => setTimeout(resolve, 1))
  return new Response("mine")
}`

describe("a function that prints messages of the protocol", () => {
  const scene = faultScene()

  it.each(runtimes)("has printed, and no more: %s", (runtime) =>
    scene.play(async ({ call, serve, untilLogged }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      for (let i = 0; i < 3; i += 1) expectAnswer(await call(fn), "mine")
      await untilLogged({ function: fn, level: "info" }, /no newline/)
    })
  )
})
