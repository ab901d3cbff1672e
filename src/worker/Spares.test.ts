import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Spares } from "./Spares.ts"
import { Zygote } from "./Zygote.ts"

const READY = `${JSON.stringify({ id: "", type: "ready", payload: {} })}\n`

let folder = ""
let spares: Spares | null = null
let listener: Bun.UnixSocketListener<undefined> | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-spares-"))
})
afterEach(async () => {
  spares?.close()
  listener?.stop(true)
  listener = null
  await rm(folder, { recursive: true, force: true })
})

/** A fork server whose workers do as `greet` says as soon as they are connected to. */
const forkServer = (greet: (socket: Bun.Socket) => void) => {
  const address = join(folder, "fork.sock")
  const workers: Array<Bun.Socket> = []
  listener = Bun.listen({
    unix: address,
    socket: {
      open: (socket) => {
        workers.push(socket)
        greet(socket)
      },
      data: () => {}
    }
  })
  const zygote = new Zygote(address, { ready: () => {}, failed: () => {}, log: () => {} })
  const state: { current: Zygote | null } = { current: zygote }
  return { workers, zygote, state }
}
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(1)
}
const keep = (server: { readonly state: { readonly current: Zygote | null } }, most: number, ms = 60_000) =>
  (spares = new Spares(server.state, most, ms))

describe("spare workers", () => {
  it("can be taken once they have said ready, each once, with what they said", async () => {
    const server = forkServer((socket) => void socket.write(READY))
    const own = keep(server, 2)
    expect(own.take()).toBeNull()
    own.refill()
    await until(() => own.count === 2)
    const first = own.take()
    const second = own.take()
    expect(first?.transport).not.toBe(second?.transport)
    expect(Buffer.concat([...(first?.said ?? [])]).toString()).toBe(READY)
    expect(own.take()).toBeNull()
    first?.transport.close()
    second?.transport.close()
  })

  it("are as many as are wanted, however often they are asked for", async () => {
    const server = forkServer((socket) => void socket.write(READY))
    const own = keep(server, 2)
    own.refill()
    own.refill()
    await until(() => own.count === 2)
    own.refill()
    own.take()?.transport.close()
    own.refill()
    await until(() => own.count === 2)
    expect(server.workers).toHaveLength(3)
  })

  it("that have ended are not given away", async () => {
    const server = forkServer((socket) => void socket.write(READY))
    const own = keep(server, 1)
    own.refill()
    await until(() => own.count === 1)
    server.workers[0]?.end()
    await until(() => own.count === 0)
    expect(own.take()).toBeNull()
    own.refill()
    await until(() => own.count === 1)
  })

  it("of a fork server that another one has replaced are not given away", async () => {
    const server = forkServer((socket) => void socket.write(READY))
    const own = keep(server, 1)
    own.refill()
    await until(() => own.count === 1)
    server.state.current = null
    expect(own.take()).toBeNull()
    expect(own.count).toBe(0)
    own.refill()
    expect(server.workers).toHaveLength(1)
  })

  it.each([
    ["is closed at once", (socket: Bun.Socket) => void socket.end()],
    [
      "says more than a worker without a bundle can",
      (socket: Bun.Socket) => void socket.write("x".repeat(8_000))
    ]
  ])("one that %s is given up, and nothing is tried again by itself", async (_what, greet) => {
    const behaviour = { greet }
    const server = forkServer((socket) => behaviour.greet(socket))
    const own = keep(server, 1)
    own.refill()
    await until(() => server.workers.length === 1)
    behaviour.greet = (socket) => void socket.write(READY)
    // It is given up as soon as another one is made.
    await until(() => {
      own.refill()
      return own.count === 1
    })
    expect(server.workers).toHaveLength(2)
  })

  it("one that stays silent is given up after its time", async () => {
    const server = forkServer(() => {})
    const own = keep(server, 1, 20)
    own.refill()
    await until(() => server.workers.length === 1)
    await until(() => {
      own.refill()
      return server.workers.length === 2
    })
    expect(own.count).toBe(0)
  })

  it("are none where nobody listens, and none are made once it is closed", async () => {
    const nowhere = new Zygote(join(folder, "nobody.sock"), {
      ready: () => {},
      failed: () => {},
      log: () => {}
    })
    const own = keep({ state: { current: nowhere } }, 1)
    own.refill()
    await Bun.sleep(0)
    expect(own.take()).toBeNull()
    const server = forkServer((socket) => void socket.write(READY))
    const closed = keep(server, 1)
    closed.close()
    closed.refill()
    expect(server.workers).toHaveLength(0)
  })
})
