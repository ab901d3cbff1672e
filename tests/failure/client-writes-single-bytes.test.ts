import { describe, expect, it } from "vitest"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { faultScene, runtimes } from "../support/FaultScene.ts"
import { RawConnection } from "../support/RawHttp.ts"
import { RawSocket, requestBytes } from "../support/RawSocket.ts"

const bundle = `export default async (req) => new Response("got " + (await req.text()))`

/** Each byte in a write of its own, once the one before is with the kernel. */
const drip = async (bytes: Uint8Array, write: (byte: Uint8Array) => Promise<unknown>): Promise<void> => {
  for (let at = 0; at < bytes.length; at += 1) await write(bytes.subarray(at, at + 1))
}

describe("a request that comes byte by byte", () => {
  const scene = faultScene()

  it.each(runtimes)("is answered like any other, over HTTP: %s", (runtime) =>
    scene.play(async ({ expectRecord, serve, server }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const id = `bytes-http-${runtime}`
      const connection = await RawConnection.open(Number(new URL(server.url).port))
      const request =
        `POST /functions/${fn} HTTP/1.1\r\nHost: localhost\r\nX-Invocation-Id: ${id}\r\n` +
        `Content-Length: 5\r\nConnection: close\r\n\r\nhello`
      await drip(Buffer.from(request), (byte) => connection.flush(byte))
      const response = await connection.response()
      expect([response?.status, response?.body.toString()]).toEqual([200, "got hello"])
      expectRecord(id, { outcome: "ok", status: 200 })
      connection.destroy()
    })
  )

  it.each(runtimes)("is answered like any other, by the socket: %s", (runtime) =>
    scene.play(async ({ expectRecord, serve, server }) => {
      const fn = await serve(bundle, { runtime, max_workers: 1 })
      const id = `bytes-socket-${runtime}`
      const client = await RawSocket.open(server.socketPath)
      const body = Buffer.from("hello").toString("base64")
      const headers = { "x-invocation-id": id }
      const invocation = { function_id: fn, method: "POST", path: "/", headers, body }
      await drip(
        requestBytes(7, Command.INVOKE, invocation),
        (byte) => new Promise((resolve) => client.socket.write(byte, resolve))
      )
      expect((await client.answerTo(7)).payload).toMatchObject({ success: true, status: 200 })
      expectRecord(id, { outcome: "ok", status: 200 })
      client.leave()
    })
  )
})
