import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { answer, type GatewayUnderTest, startGateway } from "../support/GatewayUnderTest.ts"
import { RawConnection } from "../support/RawHttp.ts"

/**
 * Clients that hold a connection and do not use it. Each is closed by an event that these wait for, side by side, with the
 * test's time-out as the only clock. The idle time-out is 1 s here instead of 255 s; Bun looks at its time-outs every
 * 4 s, and its bound for a head, about 10 s, cannot be set: that is what this file takes.
 */

const IDLE_SECONDS = 1
const HOST = "Host: localhost\r\n"

let gateway: GatewayUnderTest
let long: GatewayUnderTest
beforeAll(async () => {
  gateway = await startGateway({ idleTimeoutSeconds: IDLE_SECONDS, timeoutSeconds: IDLE_SECONDS / 2 })
  long = await startGateway({ idleTimeoutSeconds: IDLE_SECONDS, timeoutSeconds: 900 })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await long[Symbol.asyncDispose]()
})

/**
 * Fulfilled when a connection that is opened now and used once has been closed for its idleness, and all that the server did
 * at that moment is done: whatever had the same bound before is over by then.
 */
const idlenessEnds = async ({ port }: GatewayUnderTest): Promise<void> => {
  const control = await RawConnection.open(port)
  expect((await control.write(`GET /health HTTP/1.1\r\n${HOST}\r\n`).response())?.status).toBe(200)
  await control.closed
  const after = await RawConnection.open(port)
  expect((await after.write(`GET /health HTTP/1.1\r\n${HOST}\r\n`).response())?.status).toBe(200)
  after.destroy()
}

const drip = (connection: RawConnection, bytes: string): (() => void) => {
  const timer = setInterval(() => connection.write(bytes), 500)
  return () => clearInterval(timer)
}

describe.concurrent("a client that holds its connection", () => {
  describe("closed after a bound", () => {
    it.concurrent.each([
      ["that says nothing", "", ""],
      ["that stops in the middle of a head", "GET /functions/hello HTT", ""],
      ["whose head never ends (slowloris)", `GET /functions/hello HTTP/1.1\r\n${HOST}`, "X-A: b\r\n"]
    ])("a client %s", { timeout: 30_000 }, async (_, first, more) => {
      const connection = await RawConnection.open(gateway.port)
      connection.write(first)
      const stop = drip(connection, more)
      // Bun gives no answer.
      expect(await connection.response()).toBeNull()
      await connection.closed
      stop()
    })

    it.concurrent.each([
      ["that stops in the middle of a body", "Content-Length: 1000\r\n\r\nx", ""],
      ["whose body never ends", "Content-Length: 1000000\r\n\r\n", "x"],
      ["whose chunks never end", "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"]
    ])("a client %s", { timeout: 30_000 }, async (_, head, more) => {
      const connection = await RawConnection.open(gateway.port)
      connection.write(`POST /functions/hello/slow-body HTTP/1.1\r\n${HOST}${head}`)
      const stop = drip(connection, more)
      await connection.closed
      stop()
      expect(gateway.submissions.map(({ invocation }) => invocation.path)).not.toContain("/slow-body")
      await gateway.bodies.empty()
    })

    it.concurrent("a client whose registration never ends", { timeout: 30_000 }, async () => {
      const connection = await RawConnection.open(gateway.port)
      const type = "Content-Type: application/json\r\n"
      connection.write(`POST /api/functions HTTP/1.1\r\n${HOST}${type}Content-Length: 1000\r\n\r\n{`)
      const stop = drip(connection, " ")
      await connection.closed
      stop()
      await gateway.bodies.empty()
    })

    it.concurrent("a client that does not use its connection any more", { timeout: 30_000 }, async () => {
      const connection = await RawConnection.open(gateway.port)
      await connection.write(`GET /health HTTP/1.1\r\n${HOST}\r\n`).response()
      await connection.closed
    })
  })

  describe("a function that may take longer than the idle time-out", () => {
    it.concurrent("is waited for; then the connection's bound is back", { timeout: 40_000 }, async () => {
      const connection = await RawConnection.open(long.port)
      connection.write(`POST /functions/hello HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\nx`)
      const { cancelled, settle } = await long.submitted()
      const early = await Promise.race([cancelled.then(() => "cancelled"), idlenessEnds(long)])
      expect(early).toBeUndefined()
      settle(answer({ body: "late" }))
      expect((await connection.response())?.body.toString()).toBe("late")
      await connection.closed
    })
  })

  describe("a client that does not read its answer", () => {
    it.concurrent("does not hold it for ever", { timeout: 30_000 }, async () => {
      const connection = await RawConnection.open(gateway.port)
      connection.pause()
      connection.write(`GET /functions/hello/unread HTTP/1.1\r\n${HOST}\r\n`)
      const submission = await gateway.submitted()
      submission.settle(
        answer({ headers: { "content-type": "x/y" }, body: new Uint8Array(32 * 1024 * 1024) })
      )
      // The kernel's buffers keep what was sent; that the server gave up shows as an answer without its end.
      await idlenessEnds(gateway)
      await idlenessEnds(gateway)
      connection.resume()
      expect(await connection.response()).toBeNull()
    })
  })
})
