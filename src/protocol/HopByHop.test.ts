import { describe, expect, it } from "vitest"
import { stripHopByHop } from "./HopByHop.ts"

type RequestHeaders = Parameters<typeof stripHopByHop>[0]

const stripped = (headers: RequestHeaders): RequestHeaders => {
  const copy = { ...headers }
  stripHopByHop(copy)
  return copy
}

describe("stripHopByHop", () => {
  it("removes what is for this hop, and nothing else", () => {
    expect(
      stripped({
        connection: "keep-alive",
        "keep-alive": "timeout=5",
        "proxy-authorization": "Basic x",
        "proxy-authenticate": "Basic",
        "proxy-authentication-info": "x",
        "proxy-connection": "keep-alive",
        te: "trailers",
        trailer: "x-sum",
        "transfer-encoding": "chunked",
        upgrade: "h2c",
        host: "a",
        accept: "*/*",
        "x-te": "kept",
        authorization: "Bearer x"
      })
    ).toStrictEqual({ host: "a", accept: "*/*", "x-te": "kept", authorization: "Bearer x" })
  })

  it("removes what Connection names, however it is written", () => {
    expect(
      stripped({
        connection: "close, X-Hop ,\tHTTP2-Settings",
        "x-hop": "1",
        "http2-settings": "AAA",
        "x-end": "2"
      })
    ).toStrictEqual({ "x-end": "2" })
  })

  it("does not let Connection hide the host or the invocation's id from the handler", () => {
    expect(
      stripped({ connection: "host, x-invocation-id", host: "a", "x-invocation-id": "i" })
    ).toStrictEqual({ host: "a", "x-invocation-id": "i" })
  })
})
