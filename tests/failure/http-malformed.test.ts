import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type GatewayUnderTest, mirror, startGateway } from "../support/GatewayUnderTest.ts"
import { RawConnection, type RawResponse } from "../support/RawHttp.ts"

/**
 * What the HTTP server does with bytes that are no proper request, over raw TCP. Most of it is Bun's doing: these tests
 * state what the service relies on, so that another version of Bun that does otherwise is noticed. Request smuggling
 * needs two readings of one message; whatever is ambiguous must be refused and its connection closed.
 */

let gateway: GatewayUnderTest
beforeAll(async () => {
  gateway = await startGateway({ script: mirror })
})
afterAll(() => gateway[Symbol.asyncDispose]())

const HOST = "Host: localhost\r\n"
const smuggled = `GET /functions/hello/smuggled HTTP/1.1\r\n${HOST}\r\n`

/** Sends it all and reads until the server closes; a request with `Connection: close` behind it makes sure that it does. */
const conversation = async (bytes: string): Promise<ReadonlyArray<RawResponse>> => {
  const connection = await RawConnection.open(gateway.port)
  connection.write(bytes)
  const responses: Array<RawResponse> = []
  for (;;) {
    const response = await connection.response()
    if (response === null) break
    responses.push(response)
  }
  await connection.closed
  return responses
}

const paths = (): ReadonlyArray<string> => gateway.submissions.map(({ invocation }) => invocation.path)

/** Refused with `statuses`, the connection closed, and nothing that followed was taken for a request. */
const expectRefused = async (bytes: string, ...statuses: ReadonlyArray<number>) => {
  const before = gateway.submissions.length
  const responses = await conversation(bytes)
  expect(responses.map(({ status }) => status)).toStrictEqual(statuses)
  expect(gateway.submissions).toHaveLength(before)
  expect((await gateway.fetch("/health")).status).toBe(200)
}

const post = (headers: string, body: string) =>
  `POST /functions/hello HTTP/1.1\r\n${HOST}${headers}\r\n${body}${smuggled}`

describe("ambiguous lengths are refused", () => {
  const chunks = "5\r\nhello\r\n0\r\n\r\n"
  it.each([
    ["both length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunks],
    ["both, the other way round", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks],
    ["two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello"],
    ["a list of lengths", "Content-Length: 5, 5\r\n", "hello"],
    ["a signed length", "Content-Length: +5\r\n", "hello"],
    ["a negative length", "Content-Length: -1\r\n", "hello"],
    ["a hexadecimal length", "Content-Length: 0x5\r\n", "hello"],
    ["an empty length", "Content-Length:\r\n", "hello"],
    ["a length beyond all numbers", "Content-Length: 99999999999999999999999\r\n", "hello"],
    ["identity", "Transfer-Encoding: identity\r\n", "hello"],
    ["an unknown coding", "Transfer-Encoding: xchunked\r\n", chunks],
    ["chunked not last", "Transfer-Encoding: chunked, identity\r\n", chunks],
    ["a coding before chunked", "Transfer-Encoding: gzip, chunked\r\n", chunks],
    ["two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunks],
    ["a control character before chunked", "Transfer-Encoding: \x0bchunked\r\n", chunks],
    ["a space before the colon", "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", "hello"],
    ["a space before the length's colon", "Content-Length : 5\r\n", "hello"]
  ])("%s", (_, headers, body) => expectRefused(post(headers, body), 400))

  it("equal lengths are one length", async () => {
    const bytes = `POST /functions/hello HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`
    const [response] = await conversation(bytes)
    const seen = JSON.parse(response?.body.toString() ?? "")
    expect(seen).toMatchObject({
      body: Buffer.from("hello").toString("base64"),
      headers: { "content-length": "5" }
    })
  })
})

describe("broken chunks are refused", () => {
  it.each([
    ["no number", "zz\r\nhello\r\n0\r\n\r\n"],
    ["0x", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["a size beyond all numbers", "ffffffffffffffffffff\r\nhello\r\n0\r\n\r\n"],
    ["bare line feeds", "5\nhello\n0\n\n"],
    ["a bare line feed in an extension", "5;\nhello\r\n0\r\n\r\n"],
    ["a chunk longer than it says", "5\r\nhelloXX0\r\n\r\n"]
  ])("%s", (_, body) => expectRefused(post("Transfer-Encoding: chunked\r\n", body), 400))

  it("extensions are ignored", async () => {
    const [response] = await conversation(
      `POST /functions/hello HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n`
    )
    expect(response?.status).toBe(200)
  })

  // Bun knows no trailers: the call is answered, then the connection is given up. Nothing of them is taken for a request.
  it.each(["X-Sum: 1\r\n\r\n", `${smuggled}`])("trailers never become a request", async (trailers) => {
    const before = gateway.submissions.length
    const responses = await conversation(
      `POST /functions/hello/trailers HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n${trailers}${smuggled}`
    )
    expect(responses.map(({ status }) => status).at(-1)).toBe(400)
    expect(paths().slice(before)).toStrictEqual(["/trailers"])
  })
})

describe("broken heads are refused", () => {
  it.each([
    ["a folded header", `GET /functions/hello HTTP/1.1\r\n${HOST}X-A: one\r\n two\r\n\r\n`, 400],
    ["a fold before the first header", `GET /functions/hello HTTP/1.1\r\n X-A: one\r\n${HOST}\r\n`, 400],
    ["NUL in a value", `GET /functions/hello HTTP/1.1\r\n${HOST}X-A: a\0b\r\n\r\n`, 400],
    ["NUL in a name", `GET /functions/hello HTTP/1.1\r\n${HOST}X\0A: b\r\n\r\n`, 400],
    ["NUL in the target", `GET /functions/hello\0 HTTP/1.1\r\n${HOST}\r\n`, 505],
    ["a bare line feed", `GET /functions/hello HTTP/1.1\r\n${HOST}X-A: b\nX-B: c\r\n\r\n`, 400],
    ["a bare carriage return", `GET /functions/hello HTTP/1.1\r\n${HOST}X-A: b\rX-B: c\r\n\r\n`, 400],
    ["a space in a name", `GET /functions/hello HTTP/1.1\r\n${HOST}X A: b\r\n\r\n`, 400],
    ["no name", `GET /functions/hello HTTP/1.1\r\n${HOST}: b\r\n\r\n`, 400],
    ["no colon", `GET /functions/hello HTTP/1.1\r\n${HOST}garbage\r\n\r\n`, 400],
    ["no Host", "GET /functions/hello HTTP/1.1\r\n\r\n", 400],
    ["no method that there could be", `G(T /functions/hello HTTP/1.1\r\n${HOST}\r\n`, 400],
    ["no slash", `GET functions/hello HTTP/1.1\r\n${HOST}\r\n`, 400],
    ["two spaces", `GET  /functions/hello HTTP/1.1\r\n${HOST}\r\n`, 400],
    ["tabs", `GET\t/functions/hello\tHTTP/1.1\r\n${HOST}\r\n`, 505],
    ["HTTP/0.9", "GET /functions/hello\r\n\r\n", 505],
    ["HTTP/2.0 in text", `GET /functions/hello HTTP/2.0\r\n${HOST}\r\n`, 505],
    ["the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["a TLS hello", `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"a".repeat(32)}\r\n\r\n`, 400],
    ["a header of 64 KiB", `GET /functions/hello HTTP/1.1\r\n${HOST}X-A: ${"a".repeat(65_536)}\r\n\r\n`, 431],
    ["a target of 64 KiB", `GET /functions/hello/${"a".repeat(65_536)} HTTP/1.1\r\n${HOST}\r\n`, 431],
    ["210 headers", `GET /functions/hello HTTP/1.1\r\n${HOST}${"X-A: 1\r\n".repeat(210)}\r\n`, 431]
  ])("%s", (_, bytes, status) => expectRefused(bytes, status))

  // Closed without a word; methods are case-sensitive, and no client sends these.
  it("a method in lower case", () => expectRefused(`get /functions/hello HTTP/1.1\r\n${HOST}\r\n`))
})

describe("what Bun lets through and the gateway refuses", () => {
  const answered = async (head: string): Promise<RawResponse | undefined> => {
    const before = gateway.submissions.length
    const [response, ...more] = await conversation(`${head}Connection: close\r\n\r\n`)
    expect(more).toHaveLength(0)
    expect(gateway.submissions).toHaveLength(before)
    return response
  }
  const expectViolation = (response: RawResponse | undefined, field: string) => {
    expect(response?.status).toBe(400)
    expect(response?.header("x-function-error")).toBe("FN_006")
    expect(response?.header("x-invocation-id")).toBeDefined()
    expect(JSON.parse(response?.body.toString() ?? "")).toMatchObject({ violations: [{ field }] })
  }

  it("a fragment in the target", async () => {
    for (const target of ["/functions/hello/#x", "/functions/hello/a#?x=1", "/functions/hello?a#b"]) {
      expectViolation(await answered(`GET ${target} HTTP/1.1\r\n${HOST}`), "path")
    }
    expect((await answered(`GET /functions/hello#x HTTP/1.1\r\n${HOST}`))?.status).toBe(404)
  })

  it.each([
    "a b",
    "a/functions/x",
    "a?b",
    "a#b",
    "a\\b",
    "u:p@a",
    "b\xfccher",
    "a:x",
    "a:65536",
    "a%zz",
    "[1",
    ""
  ])("the Host '%s'", async (host) => {
    for (const path of ["/functions/hello", "/api/functions", "/health"]) {
      expectViolation(await answered(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n`), "host")
    }
  })

  it("two Hosts", async () => {
    expectViolation(await answered("GET /functions/hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n"), "host")
    const management = await answered(
      "GET /api/functions HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
    )
    expect(management?.status).toBe(403)
  })
})

describe("one reading of every target", () => {
  const pathOf = async (line: string, host = HOST): Promise<string | undefined> => {
    const [response] = await conversation(`${line}\r\n${host}Connection: close\r\n\r\n`)
    return response?.status === 200 ? JSON.parse(response.body.toString()).path : String(response?.status)
  }

  it("an absolute target is its path; its authority means nothing here", async () => {
    expect(await pathOf("GET http://evil.example/functions/hello/a HTTP/1.1")).toBe("/a")
    expect(await pathOf("GET https://evil.example/functions/hello/a HTTP/1.1")).toBe("/a")
    expect(await pathOf("GET http://evil.example HTTP/1.1")).toBe("404")
  })

  it("dots are resolved before anything looks at the path, with and without a Host", async () => {
    for (const [line, host] of [
      ["HTTP/1.1", HOST],
      ["HTTP/1.0", ""]
    ] as const) {
      expect(await pathOf(`GET /functions/other/../hello/a/./b ${line}`, host)).toBe("/a/b")
      expect(await pathOf(`GET /functions/other/%2e%2E/hello/a ${line}`, host)).toBe("/a")
      expect(await pathOf(`GET /functions/other\\..\\hello\\a ${line}`, host)).toBe("/a")
      expect(await pathOf(`GET /../../functions/hello/a ${line}`, host)).toBe("/a")
      expect(await pathOf(`GET /functions/hello/../../api ${line}`, host)).toMatch(/^40/)
    }
  })

  it("a path that looks like an authority is a path", async () => {
    expect(await pathOf("GET //evil.example/functions/hello HTTP/1.1")).toBe("404")
    expect(await pathOf("GET //evil.example/functions/hello HTTP/1.0", "")).toBe("404")
  })

  it("management needs a Host, also in HTTP/1.0", async () => {
    const [response] = await conversation("GET /api/functions HTTP/1.0\r\n\r\n")
    expect(response?.status).toBe(400)
  })
})

describe("a connection", () => {
  it("answers requests that were sent at once, in their order", async () => {
    const before = gateway.submissions.length
    const one = (path: string, last = "") => `GET /functions/hello/${path} HTTP/1.1\r\n${HOST}${last}\r\n`
    const responses = await conversation(one("1") + one("2") + one("3", "Connection: close\r\n"))
    expect(responses.map(({ body }) => JSON.parse(body.toString()).path)).toStrictEqual(["/1", "/2", "/3"])
    expect(paths().slice(before)).toStrictEqual(["/1", "/2", "/3"])
  })

  // Bun's way with pipelining. Nothing hangs, and the first call is cancelled as if its client had left.
  it("is closed when a request comes while another is still open", async () => {
    await using slow = await startGateway()
    const connection = await RawConnection.open(slow.port)
    connection.write(`GET /functions/hello HTTP/1.1\r\n${HOST}\r\n`)
    const { cancelled } = await slow.submitted()
    connection.write(`GET /functions/hello HTTP/1.1\r\n${HOST}\r\n`)
    await connection.closed
    await cancelled
    expect(slow.submissions).toHaveLength(1)
  })

  it("a body that GET brings along is discarded, and the next request is the next request", async () => {
    const before = gateway.submissions.length
    const bytes = `GET /functions/hello/get HTTP/1.1\r\n${HOST}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`
    const chunked = `GET /functions/hello/chunked HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`
    const responses = await conversation(
      `${bytes}${chunked}GET /functions/hello/next HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`
    )
    expect(responses.map(({ status }) => status)).toStrictEqual([200, 200, 200])
    expect(paths().slice(before)).toStrictEqual(["/get", "/chunked", "/next"])
    expect(gateway.submissions.at(before)?.invocation).toMatchObject({
      body: null,
      headers: { host: "localhost" }
    })
    expect(gateway.submissions.at(before)?.invocation.headers).not.toHaveProperty("content-length")
  })

  it("Expect: 100-continue is answered before the body", async () => {
    const connection = await RawConnection.open(gateway.port)
    connection.write(
      `POST /functions/hello HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`
    )
    await connection.received("HTTP/1.1 100 Continue\r\n\r\n")
    const response = await connection.write("hello").response()
    expect(response?.status).toBe(200)
  })

  it("garbage of any kind leaves everything else serving", async () => {
    const other = await RawConnection.open(gateway.port)
    for (let round = 0; round < 50; round += 1) {
      const bytes = crypto.getRandomValues(new Uint8Array(1 + round * 37))
      const connection = await RawConnection.open(gateway.port)
      connection.write(bytes).write("\r\n\r\n")
      connection.end()
      await connection.closed
    }
    const response = await other.write(`GET /health HTTP/1.1\r\n${HOST}\r\n`).response()
    expect(response?.status).toBe(200)
    other.destroy()
  })
})
