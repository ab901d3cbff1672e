import { describe, expect, it } from "vitest"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"
import { RawSocket } from "../support/RawSocket.ts"

/** `/hold` gives up when it is told. */
const bundle = `
const self = crypto.randomUUID()
export default async (req) => {
  if (new URL(req.url).pathname !== "/hold") return new Response(self)
  await new Promise((resolve) => req.signal.addEventListener("abort", resolve))
  return new Response("given up")
}`

describe("a client of the socket that closes its own side (R-10)", () => {
  const scene = faultScene()

  it.each(runtimes)("counts as gone: what it had is cancelled, and costs no worker: %s", (runtime) =>
    scene.play(async ({ call, expectRecord, serve, server, untilShown }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1, concurrency: 3 })
      const { text: self } = await call(fn)
      const client = await RawSocket.open(server.socketPath)
      const ids = [1, 2].map((n) => `half-${runtime}-${n}`)
      for (const [n, id] of ids.entries()) {
        const headers = { "x-invocation-id": id }
        client.send(n, Command.INVOKE, { function_id: fn, method: "GET", path: "/hold", headers })
      }
      await untilShown(fn, ({ workers }) => workers.busy === 1)
      // Answered behind them: they are with their worker.
      expectAnswer(await call(fn), self)
      client.socket.end()
      await client.closed
      for (const id of ids) expectRecord(id, { outcome: "cancelled", ended_by: "caller_gone" })
      expectAnswer(await call(fn), self)
      expect(client.answers).toEqual([])
    })
  )
})
