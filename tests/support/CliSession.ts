import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { cli, type CliOptions, type CliResult, newFolder } from "./Cli.ts"
import { startServer, type TestServer } from "./TestServer.ts"

/** A server, and a folder in which somebody types `bunbase fn …`. */
export interface CliSession {
  readonly server: TestServer
  readonly folder: string
  /** Writes a file of the folder; gives its name. */
  readonly write: (name: string, text: string) => string
  /** Types `bunbase fn` with these words in the folder; the server's socket is in the environment. */
  readonly fn: (args: ReadonlyArray<string>, options?: CliOptions) => Promise<CliResult>
}

/** One for a file of tests. */
export const cliSession = (): CliSession => {
  const folder = newFolder()
  let server: TestServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(async () => {
    await server.dispose()
    folder.remove()
  })
  return {
    get server() {
      return server
    },
    folder: folder.path,
    write: (name, text) => {
      const path = join(folder.path, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
      return name
    },
    fn: (args, options = {}) =>
      cli(["fn", ...args], {
        cwd: folder.path,
        ...options,
        env: { FUNCTIONS_SOCKET: server.socketPath, ...options.env }
      })
  }
}
