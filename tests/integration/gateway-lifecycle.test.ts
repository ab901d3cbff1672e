import { Effect } from "effect"
import { createServer } from "node:net"
import { describe, expect, it } from "vitest"
import { ListenFailed, PortInUse } from "../../src/gateway/HttpServer.ts"
import { answer, mirror, startGateway } from "../support/GatewayUnderTest.ts"
import { exchange, RawConnection } from "../support/RawHttp.ts"

const failureOf = async (config: {
  readonly httpHost?: string
  readonly httpPort?: number
}): Promise<unknown> => {
  const exit = await startGateway({ config }).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.cause : error)
  )
  return exit
}

describe("listening", () => {
  it("port 0 takes a free port and says which", async () => {
    await using gateway = await startGateway()
    expect(gateway.port).toBeGreaterThan(1023)
    expect(gateway.url).toBe(`http://127.0.0.1:${gateway.port}`)
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
  })

  it("a port in use is said with what to do about it, and given back when free", async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const port = (other.address() as { readonly port: number }).port
    const failure = await failureOf({ httpPort: port })
    expect(failure).toMatchObject({ error: { _tag: "PortInUse", host: "127.0.0.1", port } })
    const { message } = new PortInUse({ host: "127.0.0.1", port })
    expect(message).toContain(`ss -ltnp "sport = :${port}"`)
    expect(message).toContain("--http-port")
    await new Promise((resolve) => other.close(resolve))
    await using gateway = await startGateway({ config: { httpPort: port } })
    expect(gateway.port).toBe(port)
  })

  it("two gateways never share a port", async () => {
    await using first = await startGateway()
    expect(await failureOf({ httpPort: first.port })).toMatchObject({ error: { _tag: "PortInUse" } })
    expect((await first.fetch("/health")).status).toBe(200)
  })

  it("an address that this machine does not have is said so", async () => {
    expect(await failureOf({ httpHost: "192.0.2.1" })).toMatchObject({
      error: { _tag: "ListenFailed", host: "192.0.2.1", reason: "this machine has no such address" }
    })
    expect(new ListenFailed({ host: "192.0.2.1", port: 1, reason: "x" }).message).toContain("--http-host")
  })

  it("the port is free as soon as the scope has ended", async () => {
    const first = await startGateway()
    await first[Symbol.asyncDispose]()
    await using second = await startGateway({ config: { httpPort: first.port } })
    expect(second.port).toBe(first.port)
  })
})

describe("health and readiness", () => {
  it("GET /health is OK from the start", async () => {
    await using gateway = await startGateway()
    const response = await gateway.fetch("/health")
    expect(response.status).toBe(200)
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/)
    expect(await response.text()).toBe("OK")
  })

  it("GET /ready says what the composition root says", async () => {
    await using gateway = await startGateway()
    for (const [state, status] of [
      ["starting", 503],
      ["ready", 200],
      ["draining", 503]
    ] as const) {
      gateway.setReadiness(state)
      const response = await gateway.fetch("/ready")
      expect(response.status).toBe(status)
      expect(response.headers.get("cache-control")).toBe("no-store")
      expect(await response.json()).toStrictEqual({
        ready: state === "ready",
        state,
        runtimes: { bun: { available: true }, "quickjs-ng": { available: false, reason: "not built" } }
      })
    }
  })

  it.each(["/health", "/ready?verbose"])("HEAD %s has no body", async (path) => {
    await using gateway = await startGateway()
    gateway.setReadiness("ready")
    const response = await exchange(gateway.port, `HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, true)
    expect(response.status).toBe(200)
    expect(Number(response.header("content-length"))).toBeGreaterThan(0)
  })

  // What load balancers send.
  it.each(["GET", "HEAD"])("%s /health works in HTTP/1.0 without a Host", async (method) => {
    await using gateway = await startGateway()
    const response = await exchange(gateway.port, `${method} /health HTTP/1.0\r\n\r\n`, method === "HEAD")
    expect(response.status).toBe(200)
  })
})

describe("drain (R-8)", () => {
  it("finishes what is under way, takes nothing new, and then is done", async () => {
    await using gateway = await startGateway()
    const underWay = gateway.fetch("/functions/hello")
    const { settle } = await gateway.submitted()
    const idle = await RawConnection.open(gateway.port)
    expect((await idle.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").response())?.status).toBe(200)

    let drained = false
    const draining = gateway.drain().then(() => (drained = true))
    await idle.closed
    expect(gateway.readiness()).toBe("draining")
    await expect(RawConnection.open(gateway.port)).rejects.toThrow("ECONNREFUSED")
    expect(drained).toBe(false)

    settle(answer({ body: "finished" }))
    expect(await (await underWay).text()).toBe("finished")
    await draining
  })

  it("refuses a request that was still coming in, and closes", async () => {
    await using gateway = await startGateway({ script: mirror })
    const connections = await Promise.all(
      ["/functions/hello", "/health", "/api/functions"].map(async (path) => {
        const connection = await RawConnection.open(gateway.port)
        connection.write(`GET ${path} HTTP/1.1\r\nHo`)
        return connection
      })
    )
    // Its answer shows that the server has seen what came before it.
    expect((await gateway.fetch("/health")).status).toBe(200)
    const draining = gateway.drain()
    for (const connection of connections) {
      const response = await connection.write("st: localhost\r\n\r\n").response()
      expect(response?.status).toBe(503)
      expect(response?.header("x-function-error")).toBe("FN_008")
      expect(response?.header("retry-after")).toBe("1")
      expect(response?.header("connection")).toBe("close")
      expect(response?.header("x-invocation-id")).toBeDefined()
      await connection.closed
    }
    await draining
    expect(gateway.submissions).toHaveLength(0)
  })

  it("can be asked for twice", async () => {
    await using gateway = await startGateway()
    await Promise.all([gateway.drain(), gateway.drain()])
    await gateway.drain()
  })

  it("the end of the scope does not wait: what is under way is cut and cancelled", async () => {
    const gateway = await startGateway()
    const connection = await RawConnection.open(gateway.port)
    connection.write("GET /functions/hello HTTP/1.1\r\nHost: a\r\n\r\n")
    const { cancelled } = await gateway.submitted()
    await gateway[Symbol.asyncDispose]()
    expect(await connection.response()).toBeNull()
    await cancelled
  })

  it("does not wait for a management call whose client has left: that is interrupted", async () => {
    const begun = Promise.withResolvers<void>()
    const interrupted = Promise.withResolvers<void>()
    await using gateway = await startGateway({
      functions: {
        get: () =>
          Effect.sync(begun.resolve).pipe(
            Effect.zipRight(Effect.never),
            Effect.onInterrupt(() => Effect.sync(interrupted.resolve))
          )
      }
    })
    const connection = await RawConnection.open(gateway.port)
    connection.write("GET /api/functions/hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await begun.promise
    connection.destroy()
    await interrupted.promise
    await gateway.drain()
    expect(gateway.logged).toHaveLength(0)
  })
})
