import { describe, it } from "vitest"
import { expectAnswer, expectFailed, faultScene } from "../support/FaultScene.ts"
import { wireVandal } from "../support/WireVandal.ts"

const bundle = `${wireVandal}
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/well") return new Response("well")
  if (pathname === "/hold") return await new Promise(() => {})
  const part = Buffer.alloc(1024 * 1024, "x")
  for (;;) wire(part)
}`

describe("a line that never ends", () => {
  const scene = faultScene()

  it("is a breach of the protocol at 64 MiB, for all that its worker has", () =>
    scene.play(async ({ call, serve, untilShown }) => {
      const other = await serve(bundle, { max_workers: 1 })
      const fn = await serve(bundle, { max_workers: 1, concurrency: 2 })
      const held = call(fn, "/hold")
      await untilShown(fn, ({ workers }) => workers.busy === 1)
      const expected = { status: 502, code: "FN_004", cause: "protocol" } as const
      const endless = call(fn, "/endless")
      expectAnswer(await call(other, "/well"), "well")
      expectFailed(await endless, expected)
      expectFailed(await held, expected)
      expectAnswer(await call(fn, "/well"), "well")
    }))
})
