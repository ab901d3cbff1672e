import { existsSync, readdirSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { until } from "../support/Api.ts"
import { invokeHello, ipcSession } from "../support/IpcSession.ts"
import { RawSocket } from "../support/RawSocket.ts"

const ipc = ipcSession()
const { open, start } = ipc

describe("connections", () => {
  it("come and go by the thousand and leave nothing behind", async () => {
    await start()
    const files = () => readdirSync("/proc/self/fd").length
    const before = files()
    for (let round = 0; round < 4; round++) {
      const opened = await Promise.all(Array.from({ length: 250 }, () => RawSocket.open(ipc.harness.path)))
      await Promise.all(opened.map((client, id) => client.ask(id + 1, Command.PING)))
      expect(ipc.harness.server.connections()).toBe(250)
      for (const [index, client] of opened.entries()) {
        if (index % 2 === 0) client.leave()
        else client.socket.end()
      }
      await Promise.all(opened.map(({ closed }) => closed))
    }
    const all: Array<RawSocket> = []
    // In fours, because no more may wait to be accepted than the kernel's line is long.
    for (let round = 0; round < 4; round++) {
      all.push(...(await Promise.all(Array.from({ length: 250 }, () => RawSocket.open(ipc.harness.path)))))
    }
    await until(
      async () => ipc.harness.server.connections(),
      (count) => count === 1000
    )
    for (const client of all) client.leave()
    await until(
      async () => ipc.harness.server.connections(),
      (count) => count === 0
    )
    await until(
      async () => files(),
      (count) => count <= before + 2
    )
  })

  it("are turned away, with a word, when there are too many", async () => {
    await start({ maxConnections: 2 })
    const [one] = [await open(), await open()]
    const third = await open()
    await third.closed
    expect(third.answers).toMatchObject([{ id: 0n, status: "ERROR", payload: { code: "FN_007" } }])
    one?.leave()
    await until(
      async () => ipc.harness.server.connections(),
      (count) => count === 1
    )
    const fourth = await open()
    expect((await fourth.ask(1, Command.PING)).status).toBe("OK")
  })
})

describe("drain", () => {
  it("lets go of the path, refuses what is new, and ends when what was accepted is answered", async () => {
    await start()
    const [client, idle] = [await open(), await open()]
    client.send(1, Command.INVOKE, invokeHello)
    const { answer } = await ipc.harness.submissions.next()
    let over = false
    const drained = ipc.harness.drain().then(() => (over = true))
    await until(
      async () => existsSync(ipc.harness.path),
      (there) => !there
    )
    await expect(RawSocket.open(ipc.harness.path)).rejects.toMatchObject({ code: "ENOENT" })
    expect(await idle.ask(1, Command.INVOKE, invokeHello)).toMatchObject({
      status: "ERROR",
      payload: { code: "FN_008" }
    })
    expect((await idle.ask(2, Command.LIST_FUNCTIONS)).payload["code"]).toBe("FN_008")
    expect(over).toBe(false)
    answer()
    await drained
    expect((await client.answerTo(1)).status).toBe("OK")
  })

  it("waits until answers are written, too", async () => {
    await start()
    const client = await open()
    client.socket.pause()
    client.send(1, Command.INVOKE, invokeHello)
    const { answer } = await ipc.harness.submissions.next()
    answer({ body: new Uint8Array(4 << 20) })
    let over = false
    const drained = ipc.harness.drain().then(() => (over = true))
    await until(
      async () => existsSync(ipc.harness.path),
      (there) => !there
    )
    expect([over, ipc.harness.server.inFlight()]).toEqual([false, 1])
    client.socket.resume()
    await drained
    expect((await client.answerTo(1)).status).toBe("OK")
  })

  it("is over at once where nothing is in flight, and can be asked for twice", async () => {
    await start()
    await Promise.all([ipc.harness.drain(), ipc.harness.drain()])
  })

  it("need not have been: closing gives up what is in flight and ends all connections", async () => {
    await start()
    const client = await open()
    client.send(1, Command.INVOKE, invokeHello)
    const { cancelled } = await ipc.harness.submissions.next()
    await ipc.harness.stop()
    await client.closed
    expect(cancelled()).toBe(true)
  })
})
