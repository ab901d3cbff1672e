import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"
import { RawConnection } from "../support/RawHttp.ts"

const CLIENTS = 20

const bundle = `
let calls = 0
export default async (req) => {
  calls += 1
  await req.text()
  return new Response(String(calls))
}`

describe("clients that announce a body and go before it comes (R-10)", () => {
  const scene = faultScene()

  it.each(runtimes)("reach no worker, and leave nothing: %s", (runtime) =>
    scene.play(async ({ call, logged, serve, server }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const port = Number(new URL(server.url).port)
      const ids = Array.from({ length: CLIENTS }, (_, n) => `gone-before-${runtime}-${n}`)
      const head = (id: string): string =>
        `POST /functions/${fn} HTTP/1.1\r\nHost: localhost\r\nX-Invocation-Id: ${id}\r\nContent-Length: 1000\r\n\r\n`
      const clients = await Promise.all(ids.map(() => RawConnection.open(port)))
      await Promise.all(clients.map((client, n) => client.flush(Buffer.from(head(ids[n] as string)))))
      for (const client of clients) client.destroy()
      expectAnswer(await call(fn, "/", { method: "POST", body: "whole" }), "1")
      const recorded = logged().map((line) => line["invocation_id"])
      expect(ids.filter((id) => recorded.includes(id))).toEqual([])
    })
  )
})
