import { connectHttp } from "../../../src/client/index.ts"
import { startServer } from "../../support/TestServer.ts"
import { childrenOf, commandOf, pssOf } from "../../support/Processes.ts"
import type { Subject } from "./Subject.ts"

/** Far beyond what as many workers as a benchmark asks for take to start. */
const MOST_SECONDS_TO_START = 120
/** Far beyond any idle time-out that a benchmark sets. */
const MOST_SECONDS_TO_END = 15

/** The real server: a process of its own with its defaults, on a free port and an empty data folder. */
export const startBunbase = async (flags: ReadonlyArray<string> = []): Promise<Subject> => {
  const server = await startServer({ flags })
  const client = await connectHttp(server.url)
  const { hostname, port } = new URL(server.url)
  return {
    deploy: async (name, bundle, settings) => {
      await client.register({ name, ...settings })
      await client.deploy(name, { version: "v1", bundle })
      return { hostname, port: Number(port), path: `/functions/${name}` }
    },
    workersReady: async (name, count) => {
      const giveUpAt = performance.now() + MOST_SECONDS_TO_START * 1000
      for (;;) {
        const { workers } = await client.get(name)
        if (workers.warm + workers.busy + workers.idle >= count) return
        if (performance.now() > giveUpAt) {
          throw new Error(
            `${name} has not ${count} workers after ${MOST_SECONDS_TO_START} s: ${JSON.stringify(workers)}`
          )
        }
        await Bun.sleep(5)
      }
    },
    workerMemory: () => workersOf(server.pid).map(pssOf),
    workersEnded: async (name) => {
      const giveUpAt = performance.now() + MOST_SECONDS_TO_END * 1000
      for (;;) {
        const { workers } = await client.get(name)
        if (Object.values(workers).every((count) => count === 0)) return
        if (performance.now() > giveUpAt) {
          throw new Error(
            `${name} still has workers after ${MOST_SECONDS_TO_END} s: ${JSON.stringify(workers)}`
          )
        }
        await Bun.sleep(5)
      }
    },
    [Symbol.asyncDispose]: async () => {
      await client.close()
      await server.dispose()
    }
  }
}

/**
 * The worker processes of a server: its own children, but for the fork server, whose children are workers too. (A fork has
 * the command line of the process that it was forked from.)
 */
const workersOf = (server: number): ReadonlyArray<number> =>
  childrenOf(server).flatMap((pid) => (commandOf(pid).includes("--zygote") ? childrenOf(pid) : [pid]))
