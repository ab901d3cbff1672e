import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"
import { RawConnection } from "../support/RawHttp.ts"

/** More than the kernel's buffers hold. */
const BYTES = 8 * 1024 * 1024
const CLIENTS = 2

const bundle = `
export default (req) =>
  new Response(new URL(req.url).pathname === "/large" ? new Uint8Array(${BYTES}) : "well")`

describe("clients that do not read their answers", () => {
  const scene = faultScene()

  it.each(runtimes)("hold no worker and nobody else; who reads late has all of it: %s", (runtime) =>
    scene.play(async ({ call, expectRecord, serve, server, untilLogged }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const port = Number(new URL(server.url).port)
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawConnection.open(port)))
      for (const [n, client] of clients.entries()) {
        const id = `stalled-${runtime}-${n}`
        client.pause()
        client.write(
          `GET /functions/${fn}/large HTTP/1.1\r\nHost: localhost\r\nX-Invocation-Id: ${id}\r\n\r\n`
        )
        expectRecord(id, { outcome: "ok", status: 200 })
      }
      // It is the one worker of all, and their invocations are over, though nobody has read their answers.
      for (const n of clients.keys())
        await untilLogged({ type: "invocation", invocation_id: `stalled-${runtime}-${n}` })
      expectAnswer(await call(fn), "well")
      const [first, ...others] = clients as [RawConnection, ...Array<RawConnection>]
      for (const client of others) client.destroy()
      first.resume()
      const response = await first.response()
      expect([response?.status, response?.body.length]).toEqual([200, BYTES])
      first.destroy()
    })
  )
})
