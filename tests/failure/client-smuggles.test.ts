import { describe, expect, it } from "vitest"
import { expectAnswer, faultScene } from "../support/FaultScene.ts"
import { RawConnection } from "../support/RawHttp.ts"

const bundle = `
const seen = []
export default async (req) => {
  const { pathname } = new URL(req.url)
  if (pathname === "/seen") return Response.json(seen)
  seen.push(pathname)
  return new Response("well")
}`

const lengths = [
  "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
  "Content-Length: 5\r\nContent-Length: 6\r\n",
  "Content-Length: 5, 5\r\n",
  "Content-Length: +5\r\n",
  "Content-Length: 0x5\r\n",
  "Transfer-Encoding: xchunked\r\n",
  "Transfer-Encoding: identity\r\n"
]

// What each reader may make of such bytes is in http-malformed; here they meet a real function.
describe("requests with two readings (smuggling)", () => {
  const scene = faultScene()

  it("are refused with their connection: the function sees none of what they carry", () =>
    scene.play(async ({ call, serve, server }) => {
      const fn = await serve(bundle, { max_workers: 1 })
      const smuggled = `GET /functions/${fn}/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n`
      for (const length of lengths) {
        const client = await RawConnection.open(Number(new URL(server.url).port))
        client.write(
          `POST /functions/${fn}/carrier HTTP/1.1\r\nHost: localhost\r\n${length}\r\n0\r\n\r\n${smuggled}`
        )
        const response = await client.response()
        expect([length, response?.status]).toEqual([length, 400])
        await client.closed
      }
      expectAnswer(await call(fn, "/seen"), "[]")
    }))
})
