import { describe, expect, it } from "vitest"
import { encodeRequest } from "./HttpClient.ts"
import { parseResponse } from "./HttpResponse.ts"

const read = (text: string, method = "GET", ended = false) =>
  parseResponse(Buffer.from(text, "latin1"), method, ended)
const bodyOf = (text: string, method?: string, ended?: boolean) =>
  read(text, method, ended)?.response.body.toString()

describe("an answer", () => {
  it("is there when its body is whole", () => {
    const text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    for (let cut = 0; cut < text.length; cut += 1) expect(read(text.slice(0, cut))).toBeNull()
    expect(bodyOf(`${text}HTTP/1.1`)).toBe("hello")
    expect(read(`${text}HTTP/1.1`)?.length).toBe(text.length)
  })

  it("may come in chunks", () => {
    const text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    for (let cut = 0; cut < text.length; cut += 1) expect(read(text.slice(0, cut))).toBeNull()
    expect(bodyOf(text)).toBe("abcde")
  })

  it("may end with its connection", () => {
    const text = "HTTP/1.1 200 OK\r\n\r\nall of it"
    expect(read(text)).toBeNull()
    expect(bodyOf(text, "GET", true)).toBe("all of it")
  })

  it.each([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304]
  ])("to %s with %i has no body", (method, status) => {
    expect(bodyOf(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\n`, method)).toBe("")
  })

  it("may have interim ones before it", () => {
    const answer = read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?.response
    expect(answer?.interim).toStrictEqual([100])
    expect(answer?.status).toBe(200)
  })

  it("keeps its headers as they came", () => {
    const answer = read(
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie:  b=2 \r\nContent-Length: 0\r\n\r\n"
    )?.response
    expect(answer?.all("SET-COOKIE")).toStrictEqual(["a=1", "b=2"])
    expect(answer?.header("nothing")).toBeUndefined()
  })
})

describe("a request", () => {
  it("has a host and its body's length", () => {
    const text = encodeRequest({ method: "POST", target: "/x", body: "é" }, "a:1").toString("latin1")
    expect(text).toBe("POST /x HTTP/1.1\r\nHost: a:1\r\nContent-Length: 2\r\n\r\n\u00c3\u00a9")
  })

  it("has what it was given instead", () => {
    const headers = [
      ["host", "b"],
      ["Transfer-Encoding", "chunked"]
    ] as const
    const text = encodeRequest({ target: "/", headers, body: "0\r\n\r\n" }, "a:1").toString("latin1")
    expect(text).toBe("GET / HTTP/1.1\r\nhost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
  })
})
