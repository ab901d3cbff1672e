import type { Subprocess } from "bun"
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { SocketInUse, SocketUnusable } from "../../src/ipc/SocketFile.ts"
import { Command } from "../../src/protocol/socket/Commands.ts"
import { until } from "../support/Api.ts"
import { type IpcHarness, startIpc } from "../support/IpcHarness.ts"
import { RawSocket } from "../support/RawSocket.ts"

let folder: string
let path: string
let processes: Array<Subprocess<"ignore", "pipe", "inherit">>
let servers: Array<IpcHarness>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-ipc-"))
  path = join(folder, "functions.sock")
  processes = []
  servers = []
})
afterEach(async () => {
  for (const server of servers) await server.stop()
  for (const child of processes) {
    child.kill("SIGKILL")
    await child.exited
  }
  rmSync(folder, { recursive: true, force: true })
})

const spawn = () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dirname, "../support/holdSocket.ts"), path], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  processes.push(child)
  return child
}
const firstLine = async (child: Subprocess<"ignore", "pipe", "inherit">): Promise<string> => {
  const reader = child.stdout.getReader()
  const { value } = await reader.read()
  reader.releaseLock()
  return new TextDecoder().decode(value).trim()
}
const start = async (): Promise<IpcHarness> => {
  const server = await startIpc({ socketPath: path })
  servers.push(server)
  return server
}
const serves = async (): Promise<boolean> => {
  const client = await RawSocket.open(path)
  const { status } = await client.ask(1, Command.PING)
  client.leave()
  return status === "OK"
}
/** What `make` failed with: the runtime wraps it. */
const refusal = async (): Promise<unknown> => {
  try {
    await start()
    return null
  } catch (error) {
    const text = String(error)
    return { inUse: text.includes("another server is listening"), text }
  }
}

describe("the socket's file", () => {
  it("is taken over from a server that was killed", async () => {
    const predecessor = spawn()
    expect(await firstLine(predecessor)).toBe("listening")
    predecessor.kill("SIGKILL")
    await predecessor.exited
    expect(lstatSync(path).isSocket()).toBe(true)
    await start()
    expect(await serves()).toBe(true)
    expect(lstatSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder)).toEqual(["functions.sock"])
  })

  it("is refused while its server lives", async () => {
    await start()
    expect(await refusal()).toMatchObject({ inUse: true })
    expect(await serves()).toBe(true)
  })

  it("is refused while its server lives, but cannot accept a single client more", async () => {
    const busy = spawn()
    expect(await firstLine(busy)).toBe("listening")
    busy.kill("SIGSTOP")
    const waiting: Array<RawSocket> = []
    // Until the kernel's line before the server is full.
    for (let open = true; open;) {
      await RawSocket.open(path).then(
        (client) => waiting.push(client),
        () => (open = false)
      )
    }
    expect(await refusal()).toMatchObject({ inUse: true })
    for (const client of waiting) client.leave()
  })

  it("goes to exactly one of several servers that start at once on a stale file", async () => {
    const predecessor = spawn()
    await firstLine(predecessor)
    predecessor.kill("SIGKILL")
    await predecessor.exited
    const said = await Promise.all(Array.from({ length: 5 }, () => firstLine(spawn())))
    expect(said.sort()).toEqual(["SocketInUse", "SocketInUse", "SocketInUse", "SocketInUse", "listening"])
    expect(readdirSync(folder)).toEqual(["functions.sock"])
  })

  it("is left to whoever has it by the time a server stops", async () => {
    const old = await start()
    const drained = old.drain()
    const fresh = await start()
    await drained
    servers.splice(servers.indexOf(old), 1)
    await old.stop()
    expect(await serves()).toBe(true)
    servers.splice(servers.indexOf(fresh), 1)
    await fresh.stop()
    expect(readdirSync(folder)).toEqual([])
  })

  it("is not made of a file that is something else", async () => {
    writeFileSync(path, "precious")
    expect(await refusal()).toMatchObject({ text: expect.stringContaining("is no socket") })
    expect(readFileSync(path, "utf8")).toBe("precious")
  })

  it("can be had again and again", async () => {
    for (let round = 0; round < 20; round++) {
      const server = await start()
      expect(await serves()).toBe(true)
      servers.length = 0
      await server.stop()
    }
    await until(
      async () => readdirSync(folder).length,
      (count) => count === 0
    )
  })

  it("has typed errors with words for whoever starts the server", () => {
    expect(new SocketInUse({ path: "/x" }).message).toBe(
      "another server is listening on /x; stop it or choose another --socket"
    )
    expect(new SocketUnusable({ path: "/x", problem: "listen", reason: "permission denied" }).message).toBe(
      "cannot listen on /x: permission denied"
    )
  })
})
