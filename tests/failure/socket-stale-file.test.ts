import { lstatSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { RawSocket } from "../support/RawSocket.ts"
import { startServer } from "../support/TestServer.ts"

describe("the socket's file of a server that was killed", () => {
  it("is taken over by the next one, and gone after its end", async () => {
    const first = await startServer()
    await first.kill()
    expect(lstatSync(first.socketPath).isSocket()).toBe(true)
    await expect(RawSocket.open(first.socketPath)).rejects.toThrow("ECONNREFUSED")
    const second = await startServer({ socketPath: first.socketPath, dataDir: first.dataDir })
    const client = await RawSocket.open(first.socketPath)
    expect((await client.ask(1, Command.PING)).status).toBe("OK")
    client.leave()
    expect(await second.stop()).toBe(0)
    expect(lstatSync(first.socketPath, { throwIfNoEntry: false })).toBe(undefined)
    await second.dispose()
    await first.dispose()
  })
})
