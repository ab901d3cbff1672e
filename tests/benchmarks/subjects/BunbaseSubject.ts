import { connectHttp } from "../../../src/client/index.ts"
import { startServer } from "../../support/TestServer.ts"
import type { Subject } from "./Subject.ts"

/** Far beyond any idle time-out that a benchmark sets. */
const MOST_SECONDS_TO_END = 15

/** The real server: a process of its own with its defaults, on a free port and an empty data folder. */
export const startBunbase = async (): Promise<Subject> => {
  const server = await startServer()
  const client = await connectHttp(server.url)
  const { hostname, port } = new URL(server.url)
  return {
    deploy: async (name, bundle, settings) => {
      await client.register({ name, ...settings })
      await client.deploy(name, { version: "v1", bundle })
      return { hostname, port: Number(port), path: `/functions/${name}` }
    },
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
