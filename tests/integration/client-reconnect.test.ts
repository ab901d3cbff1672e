import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { describe, expect, it } from "vitest"
import { ConnectionError, connectSocket, ProtocolError } from "../../src/client/index.ts"
import { until } from "../support/Api.ts"
import { functionView } from "../support/IpcHarness.ts"
import { answerBytes } from "../support/RawSocket.ts"
import { clientSession } from "../support/ClientSession.ts"

const session = clientSession()
const { connect, serve } = session
/** A server that says what a test makes it say. */
const play = async (onConnection: (socket: Socket, count: number) => void): Promise<Server> => {
  let count = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    onConnection(socket, (count += 1))
  })
  await new Promise<void>((resolve) => server.listen(session.path, resolve))
  session.atEnd(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable("it was expected to fail"),
    (error: unknown) => error
  )
/** The request id of the first frame in these bytes. */
const idOf = (bytes: Buffer): bigint => bytes.readBigUInt64LE(4)

describe("a server that is not there", () => {
  it("is named, with what to do", async () => {
    const error = await failure(connectSocket(session.path))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error).toMatchObject({
      message: `no server is listening on ${session.path}; start one with: bunbase serve --socket ${session.path}`,
      delivery: "not_sent",
      address: session.path
    })
    writeFileSync(session.path, "")
    expect(await failure(connectSocket(session.path))).toBeInstanceOf(ConnectionError)
  })

  it("fails what was sent, keeps what was not, and sends once more what changes nothing", async () => {
    const server = await serve({ functions: { list: Effect.never, register: () => Effect.never } })
    const client = await connect({ maxInFlight: 3 })
    const sent = failure(client.invoke("hello-world"))
    await server.submissions.next()
    const registered = failure(client.register({ name: "a" }))
    const listed = client.list()
    await until(
      async () => server.server.inFlight(),
      (count) => count >= 3
    )
    const waiting = client.invoke("hello-world", { path: "/later" })
    await server.stop()
    expect(await sent).toMatchObject({ name: "ConnectionError", delivery: "unknown" })
    expect(await registered).toMatchObject({ name: "ConnectionError", delivery: "unknown" })

    const successor = await serve()
    expect(await listed).toEqual([functionView("hello-world")])
    const { answer, invocation } = await successor.submissions.next()
    expect(invocation.path).toBe("/later")
    answer()
    expect((await waiting).status).toBe(200)
    expect((await client.ping()).version).not.toBeNull()
  })

  it("is given up on after some attempts; the next call tries anew", async () => {
    const server = await serve()
    const client = await connect({ reconnectAttempts: 3, reconnectFirstDelayMs: 1, reconnectMaxDelayMs: 4 })
    await server.stop()
    expect(await failure(client.list())).toMatchObject({ name: "ConnectionError", delivery: "not_sent" })
    const successor = await serve()
    const call = client.invoke("hello-world")
    ;(await successor.submissions.next()).answer()
    expect((await call).status).toBe(200)
  })

  it("is not sought again by who does not want it to", async () => {
    const server = await serve()
    const client = await connect({ reconnectAttempts: 0 })
    const call = failure(client.list())
    await call.catch(() => {})
    await server.stop()
    await until(
      () => failure(client.ping()),
      (error) => error instanceof ConnectionError
    )
    await serve()
    expect(await failure(client.ping())).toBeInstanceOf(ConnectionError)
  })

  it("is not retried for ever where it hangs up on every call", async () => {
    let connections = 0
    await play((socket) => {
      connections += 1
      socket.on("data", () => socket.destroy())
    })
    const client = await connect({ reconnectAttempts: 4, reconnectFirstDelayMs: 1, reconnectMaxDelayMs: 2 })
    expect(await failure(client.list())).toBeInstanceOf(ConnectionError)
    // the first, and the one for the second try
    expect(connections).toBeLessThanOrEqual(3)
  })

  it("may have said why it hung up", async () => {
    await serve({ maxConnections: 1 })
    await connect()
    const second = await connect({ reconnectAttempts: 2, reconnectFirstDelayMs: 1, reconnectMaxDelayMs: 2 })
    expect(await failure(second.list())).toMatchObject({
      message: expect.stringContaining("1 clients are connected already")
    })
  })
})

describe("a server that says something else", () => {
  it("breaks the framing", async () => {
    await play((socket) => socket.on("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")))
    const client = await connect()
    const error = await failure(client.list())
    expect(error).toBeInstanceOf(ProtocolError)
    expect(error).toMatchObject({ message: expect.stringContaining("does not speak this protocol") })
  })

  it("answers with another shape, which fails that call only", async () => {
    await play((socket) =>
      socket.on("data", (bytes: Buffer) => socket.write(answerBytes(idOf(bytes), "OK", { surprise: true })))
    )
    const client = await connect()
    expect(await failure(client.list())).toBeInstanceOf(ProtocolError)
    expect(await failure(client.invoke("a"))).toBeInstanceOf(ProtocolError)
  })

  it("answers what nobody asked, and is forgiven", async () => {
    await play((socket) =>
      socket.on("data", (bytes: Buffer) => {
        socket.write(answerBytes(idOf(bytes) + 100n, "OK", {}))
        socket.write(answerBytes(idOf(bytes), "OK", { functions: [] }))
        socket.write(answerBytes(idOf(bytes), "OK", { functions: [1] }))
      })
    )
    const client = await connect()
    expect(await client.list()).toEqual([])
    expect(await client.list()).toEqual([])
  })

  it("tells text and code only, and is understood", async () => {
    await play((socket) =>
      socket.on("data", (bytes: Buffer) =>
        socket.write(answerBytes(idOf(bytes), "ERROR", { error: "busy", code: "FN_007" }))
      )
    )
    const client = await connect()
    expect(await failure(client.list())).toMatchObject({ code: "FN_007", message: "busy", retryable: true })
  })
})
