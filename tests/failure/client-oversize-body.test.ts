import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene, runtimes } from "../support/FaultScene.ts"
import { RawConnection } from "../support/RawHttp.ts"

const LIMIT = 1024 * 1024

const bundle = `
let calls = 0
export default async (req) => {
  calls += 1
  return new Response(calls + " " + (await req.arrayBuffer()).byteLength)
}`

describe("a body that is larger than one may be", () => {
  const scene = faultScene({ flags: ["--max-request-bytes", String(LIMIT)] })

  it.each(runtimes)(
    "is refused, declared or in chunks, and reaches no worker; one of the limit does: %s",
    (runtime) =>
      scene.play(async ({ call, serve, server }) => {
        const fn = await serve(bundle, { runtime, max_workers: 1 })
        const port = Number(new URL(server.url).port)
        const body = Buffer.alloc(LIMIT + 1, "x")
        const chunk = Buffer.concat([
          Buffer.from(`${body.length.toString(16)}\r\n`),
          body,
          Buffer.from("\r\n0\r\n\r\n")
        ])
        for (const [length, bytes] of [
          [`Content-Length: ${body.length}`, body],
          ["Transfer-Encoding: chunked", chunk]
        ] as const) {
          const client = await RawConnection.open(port)
          const head = `POST /functions/${fn} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n\r\n`
          const response = await client.write(Buffer.concat([Buffer.from(head), bytes])).response()
          expect(response?.status).toBe(413)
          expect(JSON.parse(String(response?.body))).toMatchObject({ status: 413, cause: "request_size" })
          client.destroy()
        }
        expectAnswer(await call(fn, "/", { method: "POST", body: new Uint8Array(LIMIT) }), `1 ${LIMIT}`)
      })
  )
})
