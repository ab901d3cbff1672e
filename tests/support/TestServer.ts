import { chown, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const NOBODY = 65_534
const program = fileURLToPath(new URL("../../src/main.ts", import.meta.url))
/** Each server has a home of its own, in which Bun would transpile every module anew: half of what a start takes. */
const transpiled = fileURLToPath(new URL("../../build/transpiled", import.meta.url))

export interface TestServer {
  /** E.g. `http://127.0.0.1:43121`. */
  readonly url: string
  readonly socketPath: string
  readonly dataDir: string
  readonly pid: number
  /** Everything the server has printed so far. */
  readonly output: () => string
  /** Resolves with the first printed line that matches. */
  readonly printed: (pattern: RegExp) => Promise<string>
  /** The server's end, with its exit code (null when a signal ended it). */
  readonly exited: Promise<number | null>
  /** SIGTERM; resolves with the exit code. The data folder stays, for a restart on it. */
  readonly stop: () => Promise<number | null>
  /** SIGKILL: no chance to clean up. */
  readonly kill: () => Promise<void>
  /** Ends the server, if it still runs, and removes its folder. */
  readonly dispose: () => Promise<void>
}

export interface TestServerOptions {
  readonly flags?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  /** A folder to serve from; by default a new one, removed by `dispose`. */
  readonly dataDir?: string
  readonly socketPath?: string
  /** Where the tests run as root, run it as the user nobody: root's rights hide what goes wrong with files. */
  readonly asNobody?: boolean
  /** Another program than `src/main.ts`: a test's own entry to the server. */
  readonly program?: string
  /** Do not wait for readiness: for servers that are meant to fail. */
  readonly awaitReady?: boolean
}

/** Starts the real server, as a process of its own, on a free port and in a folder of its own. */
export const startServer = async (options: TestServerOptions = {}): Promise<TestServer> => {
  const home = await mkdtemp(join(tmpdir(), "bunbase-test-"))
  const dataDir = options.dataDir ?? join(home, "data")
  const socketPath = options.socketPath ?? join(home, "functions.sock")
  const isRoot = process.getuid?.() === 0
  // The root of a namespace of its own knows no other user, but can lay down the rights that go with it.
  const isOwnRoot = isRoot && process.env["BUNBASE_TEST_NAMESPACE"] === "own"
  const asNobody = options.asNobody === true && isRoot && !isOwnRoot
  const rightless = options.asNobody === true && isOwnRoot
  if (asNobody) await chown(home, NOBODY, NOBODY)
  const child = Bun.spawn({
    ...(asNobody ? { uid: NOBODY, gid: NOBODY } : {}),
    cmd: [
      ...(rightless ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : []),
      process.execPath,
      "--no-env-file",
      options.program ?? program,
      "serve",
      "--data-dir",
      dataDir,
      "--socket",
      socketPath,
      ...(options.flags?.includes("--http-port") === true ? [] : ["--http-port", "0"]),
      ...(options.flags ?? [])
    ],
    cwd: home,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      NO_COLOR: "1",
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: transpiled,
      ...options.env
    },
    stdio: ["ignore", "pipe", "pipe"]
  })

  let output = ""
  const watchers = new Set<() => void>()
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      output += decoder.decode(chunk, { stream: true })
      for (const watcher of watchers) watcher()
    }
  }
  const reading = Promise.all([read(child.stdout), read(child.stderr)])
  const exited = Promise.all([child.exited, reading]).then(() => {
    for (const watcher of watchers) watcher()
    return child.exitCode
  })

  const printed = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const line = output.split("\n").find((one) => pattern.test(one))
        if (line !== undefined) {
          watchers.delete(look)
          resolve(line)
        } else if (child.exitCode !== null || child.signalCode !== null) {
          watchers.delete(look)
          reject(new Error(`the server ended before it printed ${pattern}:\n${output}`))
        }
      }
      watchers.add(look)
      look()
      void exited.then(look)
    })

  const stop = async (): Promise<number | null> => {
    child.kill("SIGTERM")
    return await exited
  }
  const server = (url: string): TestServer => ({
    url,
    socketPath,
    dataDir,
    pid: child.pid,
    output: () => output,
    printed,
    exited,
    stop,
    kill: async () => {
      child.kill("SIGKILL")
      await exited
    },
    dispose: async () => {
      if (child.exitCode === null && child.signalCode === null) await stop()
      await rm(home, { recursive: true, force: true })
    }
  })

  if (options.awaitReady === false) return server("")
  try {
    const line = await printed(/http:\/\/[^ ]+/)
    return server((/http:\/\/[^ /]+/.exec(line) as RegExpExecArray)[0])
  } catch (cause) {
    await rm(home, { recursive: true, force: true })
    throw cause
  }
}
