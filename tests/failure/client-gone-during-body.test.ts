import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"
import { RawConnection } from "../support/RawHttp.ts"

const PART = Buffer.alloc(512 * 1024, "x")

const bundle = `
let calls = 0
export default async (req) => {
  calls += 1
  await req.text()
  return new Response(String(calls))
}`

describe("clients that go in the middle of a body (R-10)", () => {
  const scene = faultScene()

  it.each(runtimes)("reach no worker, and leave nothing: %s", (runtime) =>
    scene.play(async ({ call, logged, serve, server }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const port = Number(new URL(server.url).port)
      const lengths = ["Content-Length: 5000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n80000\r\n"]
      const ids = lengths.map((_, n) => `gone-during-${runtime}-${n}`)
      for (const [n, length] of lengths.entries()) {
        const client = await RawConnection.open(port)
        const head = `POST /functions/${fn} HTTP/1.1\r\nHost: localhost\r\nX-Invocation-Id: ${ids[n]}\r\n`
        await client.flush(Buffer.concat([Buffer.from(head + length), PART]))
        client.destroy()
      }
      expectAnswer(await call(fn, "/", { method: "POST", body: "whole" }), "1")
      const recorded = logged().map((line) => line["invocation_id"])
      expect(ids.filter((id) => recorded.includes(id))).toEqual([])
    })
  )
})
