import { describe, expect, it } from "vitest"
import { mirror, startGateway } from "../support/GatewayUnderTest.ts"
import { RawConnection } from "../support/RawHttp.ts"

const LIMIT = 100_000
const config = { maxRequestBytes: LIMIT }
const head = "POST /functions/hello HTTP/1.1\r\nHost: a\r\n"
const chunk = (size: number) => `${size.toString(16)}\r\n${"x".repeat(size)}\r\n`

const expectTooLarge = async (response: {
  readonly status: number
  readonly text: string
  readonly code: string | null | undefined
}) => {
  expect(response.status).toBe(413)
  expect(response.code).toBe("FN_006")
  expect(JSON.parse(response.text)).toMatchObject({
    code: "FN_006",
    status: 413,
    detail: `the request body is larger than ${LIMIT} bytes; the server's option max_request_bytes sets this limit`,
    invocation_id: expect.any(String)
  })
}

describe("a request body over its limit", () => {
  it("is refused unread where its length is declared", async () => {
    await using gateway = await startGateway({ script: mirror, config })
    const connection = await RawConnection.open(gateway.port)
    // Not one byte of the body is sent: the answer cannot have waited for it.
    const response = await connection.write(`${head}Content-Length: ${LIMIT + 1}\r\n\r\n`).response()
    await expectTooLarge({
      status: response?.status ?? 0,
      text: response?.body.toString() ?? "",
      code: response?.header("x-function-error")
    })
    expect(gateway.submissions).toHaveLength(0)
    connection.destroy()
  })

  it.each([2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER])(
    "is refused unread at a declared %d bytes",
    async (length) => {
      await using gateway = await startGateway({ script: mirror, config })
      const connection = await RawConnection.open(gateway.port)
      const response = await connection.write(`${head}Content-Length: ${length}\r\n\r\n`).response()
      expect(response?.status).toBe(413)
      expect(response?.header("x-function-error")).toBe("FN_006")
      connection.destroy()
    }
  )

  it("is cut at the limit where it comes in chunks, and the connection with it", async () => {
    await using gateway = await startGateway({ script: mirror, config })
    const connection = await RawConnection.open(gateway.port)
    connection.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
    // Endless: no last chunk is ever sent.
    connection.write(chunk(LIMIT)).write(chunk(1))
    const response = await connection.response()
    await expectTooLarge({
      status: response?.status ?? 0,
      text: response?.body.toString() ?? "",
      code: response?.header("x-function-error")
    })
    expect(response?.header("connection")).toBe("close")
    await connection.closed
    expect(gateway.submissions).toHaveLength(0)
  })

  it("of exactly the limit is taken, either way", async () => {
    await using gateway = await startGateway({ script: mirror, config })
    const declared = await gateway.fetch("/functions/hello", { method: "POST", body: new Uint8Array(LIMIT) })
    expect(declared.status).toBe(200)
    const connection = await RawConnection.open(gateway.port)
    connection.write(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk(LIMIT - 1)}${chunk(1)}0\r\n\r\n`)
    expect((await connection.response())?.status).toBe(200)
    expect(gateway.submissions.map(({ invocation }) => invocation.body?.length)).toStrictEqual([LIMIT, LIMIT])
    connection.destroy()
  })

  it.each(["declared", "chunked"])(
    "reaches a client that sends all of it before it listens (%s)",
    async (how) => {
      await using gateway = await startGateway({ script: mirror, config })
      const whole = new Uint8Array(8 * 1024 * 1024)
      const body =
        how === "declared"
          ? whole
          : new ReadableStream({
              start(controller) {
                for (let at = 0; at < whole.length; at += 65_536)
                  controller.enqueue(whole.subarray(at, at + 65_536))
                controller.close()
              }
            })
      const response = await gateway.fetch("/functions/hello", { method: "POST", body })
      await expectTooLarge({
        status: response.status,
        text: await response.text(),
        code: response.headers.get("x-function-error")
      })
      expect((await gateway.fetch("/functions/hello")).status).toBe(200)
    }
  )

  it("of an unknown function is not read either", async () => {
    await using gateway = await startGateway({ config })
    const connection = await RawConnection.open(gateway.port)
    connection.write(`POST /functions/unknown HTTP/1.1\r\nHost: a\r\nContent-Length: ${LIMIT}\r\n\r\n`)
    expect((await connection.response())?.status).toBe(404)
    connection.destroy()
  })
})

describe("memory", () => {
  const MEGABYTE = 1 << 20
  /** What the process has grown by, printed: what is left uncollected depends on the machine. */
  const growth = (what: string, before: number): number => {
    Bun.gc(true)
    const grown = process.memoryUsage.rss() - before
    process.stdout.write(`${what}: the process grew by ${(grown / MEGABYTE).toFixed(1)} MB\n`)
    return grown
  }

  it("does not grow with bodies that are refused or that nobody reads", async () => {
    await using gateway = await startGateway({ config })
    const block = Buffer.alloc(MEGABYTE, 0x61)
    const blocks = 200
    const before = process.memoryUsage.rss()
    for (const target of ["hello", "unknown"]) {
      const connection = await RawConnection.open(gateway.port)
      const answered = connection.response()
      connection.write(
        `POST /functions/${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${blocks * block.length}\r\n\r\n`
      )
      expect((await answered)?.status).toBe(target === "hello" ? 413 : 404)
      for (let sent = 0; sent < blocks; sent += 1) await connection.flush(block)
      // The connection is in order: the body was read off and forgotten.
      connection.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
      expect((await connection.response())?.body.toString()).toBe("OK")
      connection.destroy()
    }
    // Not one byte was put down as held, and the server under HTTP has not kept them either.
    expect(gateway.bodies.most()).toBe(0)
    expect(growth(`${2 * blocks} MB that nobody reads`, before)).toBeLessThan(blocks * MEGABYTE)
  })

  it("does not grow with the number of chunks that a body is cut into", async () => {
    await using gateway = await startGateway({ script: mirror, config })
    const connection = await RawConnection.open(gateway.port)
    const before = process.memoryUsage.rss()
    connection.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
    await connection.flush(Buffer.from("1\r\nx\r\n".repeat(LIMIT)))
    expect((await connection.write("0\r\n\r\n").response())?.status).toBe(200)
    expect(gateway.submissions[0]?.invocation.body?.length).toBe(LIMIT)
    expect(gateway.bodies.most()).toBe(LIMIT)
    growth(`a body of ${LIMIT} chunks`, before)
    connection.destroy()
  })
})
