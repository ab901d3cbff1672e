import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach } from "vitest"
import { connectSocket, type FunctionsClient, type SocketOptions } from "../../src/client/index.ts"
import { type HarnessOptions, type IpcHarness, startIpc } from "./IpcHarness.ts"

/** Servers and clients of one test, on a socket in a folder of its own; all of it ends with the test. */
export interface ClientSession {
  readonly folder: string
  /** Of the socket. */
  readonly path: string
  readonly serve: (options?: HarnessOptions) => Promise<IpcHarness>
  readonly connect: (options?: SocketOptions) => Promise<FunctionsClient>
  /** Done after the test, last one first. */
  readonly atEnd: (cleanup: () => Promise<unknown>) => void
}

/** One for a file of tests. */
export const clientSession = (): ClientSession => {
  let folder: string
  let cleanups: Array<() => Promise<unknown>>
  const pathIn = (): string => join(folder, "s.sock")
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bunbase-client-"))
    cleanups = []
  })
  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    get folder() {
      return folder
    },
    get path() {
      return pathIn()
    },
    serve: async (options = {}) => {
      const server = await startIpc({ socketPath: pathIn(), ...options })
      cleanups.push(server.stop)
      return server
    },
    connect: async (options = {}) => {
      const client = await connectSocket(pathIn(), options)
      cleanups.push(client.close)
      return client
    },
    atEnd: (cleanup) => void cleanups.push(cleanup)
  }
}
