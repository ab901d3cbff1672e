import { Effect, Exit, Scope } from "effect"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { MAX_SOCKET_PATH_BYTES } from "../protocol/socket/SocketPath.ts"
import { bind, type BoundSocket, SocketInUse, SocketUnusable } from "./SocketFile.ts"

const handlers: Bun.SocketHandler = { data: () => {} }

let folder: string
let path: string
let scopes: Array<Scope.CloseableScope>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bunbase-socket-"))
  path = join(folder, "s.sock")
  scopes = []
})
afterEach(async () => {
  for (const scope of scopes) await Effect.runPromise(Scope.close(scope, Exit.void))
  rmSync(folder, { recursive: true, force: true })
})

const opened = async (
  at = path
): Promise<{ readonly bound: BoundSocket; readonly close: () => Promise<void> }> => {
  const scope = await Effect.runPromise(Scope.make())
  scopes.push(scope)
  const bound = await Effect.runPromise(
    bind(at, handlers).pipe(
      Scope.extend(scope),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
  )
  return { bound, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}
const refused = (at = path) => Effect.runPromise(Effect.flip(Effect.scoped(bind(at, handlers))))
const connects = async (at = path): Promise<boolean> => {
  try {
    const socket = await Bun.connect({ unix: at, socket: handlers })
    socket.end()
    return true
  } catch {
    return false
  }
}
/** What a server that was killed leaves behind. */
const leaveStale = (at = path) => {
  const listener = Bun.listen({ unix: `${at}~`, socket: handlers })
  Bun.spawnSync(["ln", `${at}~`, at])
  listener.stop(true)
}

describe("bind", () => {
  it("listens with mode 0600 and leaves nothing behind", async () => {
    const { close } = await opened()
    expect(lstatSync(path).mode & 0o777).toBe(0o600)
    expect(await connects()).toBe(true)
    expect(readdirSync(folder)).toEqual(["s.sock"])
    await close()
    expect(readdirSync(folder)).toEqual([])
  })

  it("leaves the process's mask as it was", async () => {
    const mask = process.umask()
    await opened()
    expect(process.umask()).toBe(mask)
  })

  it("makes missing folders", async () => {
    const deep = join(folder, "a", "b", "s.sock")
    await opened(deep)
    expect(await connects(deep)).toBe(true)
  })

  it("takes over a file on which nobody listens", async () => {
    leaveStale()
    expect(await connects()).toBe(false)
    await opened()
    expect(await connects()).toBe(true)
    expect(readdirSync(folder)).toEqual(["s.sock"])
  })

  it("refuses where another server listens, and does not disturb it", async () => {
    await opened()
    const error = await refused()
    expect(error).toBeInstanceOf(SocketInUse)
    expect(error.message).toBe(`another server is listening on ${path}; stop it or choose another --socket`)
    expect(await connects()).toBe(true)
    expect(readdirSync(folder)).toEqual(["s.sock"])
  })

  it("lets exactly one of many that start at once have the path", async () => {
    leaveStale()
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => opened()))
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
    expect(await connects()).toBe(true)
    expect(readdirSync(folder)).toEqual(["s.sock"])
  })

  it("does not touch a file that is no socket", async () => {
    writeFileSync(path, "precious")
    expect(await refused()).toMatchObject({ _tag: "SocketUnusable", problem: "not_a_socket" })
    expect(readFileSync(path, "utf8")).toBe("precious")
    expect(readdirSync(folder)).toEqual(["s.sock"])
  })

  it("does not touch a folder", async () => {
    mkdirSync(path)
    expect(await refused()).toMatchObject({ problem: "not_a_socket" })
  })

  it("refuses a path that the kernel has no room for", async () => {
    const tooLong = join(folder, "x".repeat(MAX_SOCKET_PATH_BYTES - folder.length))
    expect(Buffer.byteLength(tooLong)).toBe(MAX_SOCKET_PATH_BYTES + 1)
    expect(await refused(tooLong)).toMatchObject({ problem: "path_too_long" })
    expect(await refused(join(folder, "ä".repeat(60)))).toMatchObject({ problem: "path_too_long" })
    await opened(tooLong.slice(0, -1))
  })

  it("says why its folder cannot be made", async () => {
    writeFileSync(join(folder, "file"), "")
    const error = await refused(join(folder, "file", "s.sock"))
    expect(error).toBeInstanceOf(SocketUnusable)
    expect(error).toMatchObject({ problem: "folder" })
  })

  it("removes only its own file", async () => {
    const old = await opened()
    rmSync(path)
    await opened()
    await old.close()
    expect(await connects()).toBe(true)
  })

  it("lets go of the path while what is connected goes on", async () => {
    let got = ""
    const { bound } = await opened()
    const client = await Bun.connect({
      unix: path,
      socket: { data: (_, chunk) => void (got += chunk.toString()) }
    })
    bound.unlink()
    bound.stop()
    expect(existsSync(path)).toBe(false)
    expect(client.readyState).toBe(1)
    expect(got).toBe("")
    client.end()
    await opened()
    expect(await connects()).toBe(true)
  })
})
