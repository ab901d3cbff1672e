import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { serve } from "../support/Api.ts"
import { childrenOf, isAlive, processesNaming } from "../support/Processes.ts"
import { startServer } from "../support/TestServer.ts"

const hello = `export default (req) => new Response("hello " + new URL(req.url).pathname)`
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await Bun.sleep(2)
}

describe("a server's spare Bun processes", () => {
  for (const how of ["stop", "kill"] as const)
    it(`are one by default, and none of it is left after ${how === "stop" ? "SIGTERM" : "SIGKILL"}`, async () => {
      const server = await startServer()
      try {
        const spares = (): ReadonlyArray<number> =>
          childrenOf(server.pid).filter((pid) =>
            processesNaming(`${server.dataDir}/tmp/guest-`).includes(pid)
          )
        await until(() => spares().length === 1)
        const [pid] = spares()
        await server[how]()
        const endedAt = performance.now()
        await until(() => !isAlive(pid as number))
        // within a second
        expect(performance.now() - endedAt).toBeLessThan(1_000)
      } finally {
        await server.dispose()
      }
    })

  it("are told of: how many there are, and that a cold start took one", async () => {
    const server = await startServer()
    try {
      const shown = async (): Promise<unknown> =>
        ((await (await fetch(`${server.url}/api/system`)).json()) as { spare_workers: { bun: number } })
          .spare_workers.bun
      const untilShown = async (): Promise<void> => {
        while ((await shown()) !== 1) await Bun.sleep(5)
      }
      await untilShown()
      await serve(server, "hello", hello)
      expect(await (await fetch(`${server.url}/functions/hello`)).text()).toBe("hello /")
      await untilShown()
      await server.stop()
      const files = [...new Bun.Glob("**/*.jsonl").scanSync(join(server.dataDir, "logs"))]
      const lines = await Promise.all(
        files.map((file) => Bun.file(join(server.dataDir, "logs", file)).text())
      )
      expect(lines.join("")).toMatch(/"cold_start":true,"start_cause":"deploy",.*"start_spare":true,/)
    } finally {
      await server.dispose()
    }
  })

  it("are none with --bun-spare-workers 0; else they run the guest program of its own version", async () => {
    const server = await startServer({ flags: ["--bun-spare-workers", "0"] })
    try {
      const [program] = [...new Bun.Glob("guest-*.js").scanSync(join(server.dataDir, "tmp"))]
      expect(processesNaming(`${server.dataDir}/tmp/guest-`)).toEqual([])
      await server.kill()
      const stale = join(server.dataDir, "tmp", "guest-0000000000000000.js")
      writeFileSync(stale, "process.exit(1)")
      const next = await startServer({ dataDir: server.dataDir })
      try {
        await until(() => processesNaming(`${server.dataDir}/tmp/${program}`).length === 1)
        expect(await Bun.file(stale).exists()).toBe(false)
        expect(processesNaming(stale)).toEqual([])
      } finally {
        await next.dispose()
      }
    } finally {
      await server.dispose()
    }
  })
})
