import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { connectSocket } from "../../src/client/index.ts"
import { deploy, getFunction, serve, until } from "../support/Api.ts"
import { Gate } from "../support/Gate.ts"
import { isAlive, processesNaming } from "../support/Processes.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const servers: Array<TestServer> = []
const start = async (...options: Parameters<typeof startServer>): Promise<TestServer> => {
  const server = await startServer(...options)
  servers.push(server)
  return server
}
afterEach(async () => {
  for (const server of servers.splice(0).reverse()) await server.dispose()
})

const hello = `export default (req) => new Response("hello " + new URL(req.url).searchParams.get("name"))`
const slow = `export default async (req) => {
  const { promise, resolve } = Promise.withResolvers()
  setTimeout(resolve, Number(new URL(req.url).searchParams.get("ms")))
  await promise
  return new Response("slow")
}`
const spin = `export default () => { while (true) {} }`

const leftovers = (dataDir: string): ReadonlyArray<string> => {
  const folder = join(dataDir, "tmp")
  return existsSync(folder) ? readdirSync(folder) : []
}

describe("start", () => {
  it("serves what was deployed before, after a restart", async () => {
    const first = await start()
    await first.printed(/^ {2}\S*bunbase fn init hello$/)
    await serve(first, "hello", hello)
    expect(await first.stop()).toBe(0)
    const second = await start({ dataDir: first.dataDir })
    expect(second.output()).not.toContain("fn init")
    const response = await fetch(`${second.url}/functions/hello?name=again`)
    expect(await response.text()).toBe("hello again")
  })

  it("keeps what the user deployed under an example's name", async () => {
    const first = await start({ flags: ["--examples"] })
    await first.printed(/^\s*curl /)
    await deploy(first, "hello-world", "mine", `export default () => new Response("mine")`)
    expect(await first.stop()).toBe(0)
    const second = await start({ dataDir: first.dataDir, flags: ["--examples"] })
    await second.printed(/^\s*curl /)
    expect(await (await fetch(`${second.url}/functions/hello-world`)).text()).toBe("mine")
  })

  it("tells on its socket where HTTP is and where the log files are", async () => {
    const server = await start()
    const client = await connectSocket(server.socketPath)
    const { httpUrl, logsDir } = await client.ping()
    await client.close()
    expect({ httpUrl, logsDir }).toEqual({ httpUrl: server.url, logsDir: join(server.dataDir, "logs") })
  })

  it("refuses a data folder that another server uses, and says so", async () => {
    const first = await start()
    const second = await start({ dataDir: first.dataDir, awaitReady: false })
    expect(await second.exited).toBe(1)
    expect(second.output()).toContain(first.dataDir)
    expect(second.output()).toContain("set another --data-dir")
    expect(second.output()).not.toContain("    at ")
    expect((await fetch(`${first.url}/health`)).status).toBe(200)
  })

  it.each([
    {
      what: "a database that is damaged",
      make: (dataDir: string) => {
        mkdirSync(dataDir)
        writeFileSync(join(dataDir, "metadata.db"), "garbage ".repeat(4096))
      },
      says: (dataDir: string) => [
        `${join(dataDir, "metadata.db")} cannot be used: the database is damaged`,
        "put it back from a backup, or move it away to begin with an empty one"
      ]
    },
    {
      what: "a data folder that is a file",
      make: (dataDir: string) => writeFileSync(dataDir, "mine"),
      says: (dataDir: string) => [
        `${dataDir} cannot be used: a file stands where a folder is needed`,
        "move that file away, or set another --data-dir"
      ]
    }
  ])("refuses $what: what, what to do, exit code 1, no stack, and nothing is changed", async (unusable) => {
    const home = mkdtempSync(join(tmpdir(), "bunbase-unusable-"))
    try {
      const dataDir = join(home, "data")
      unusable.make(dataDir)
      const read = () =>
        readFileSync(existsSync(join(dataDir, "metadata.db")) ? join(dataDir, "metadata.db") : dataDir)
      const before = read()
      const server = await start({ dataDir, awaitReady: false })
      expect(await server.exited).toBe(1)
      for (const words of unusable.says(dataDir)) expect(server.output()).toContain(words)
      expect(server.output()).toMatch(/^error: /)
      expect(server.output()).not.toMatch(/\n\s+at |is ready/)
      expect(read()).toEqual(before)
      expect(existsSync(server.socketPath)).toBe(false)
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })

  it("refuses a port in use, and names the flag that changes it", async () => {
    const first = await start()
    const port = new URL(first.url).port
    const second = await start({ flags: ["--http-port", port], awaitReady: false })
    expect(await second.exited).toBe(1)
    expect(second.output()).toContain("--http-port")
    expect(existsSync(second.dataDir)).toBe(false)
  })

  it("refuses a socket on which another server answers", async () => {
    const first = await start()
    const second = await start({ socketPath: first.socketPath, awaitReady: false })
    expect(await second.exited).toBe(1)
    expect(second.output()).toContain("--socket")
    expect(existsSync(first.socketPath)).toBe(true)
    expect(existsSync(second.dataDir)).toBe(false)
  })

  it("reports every wrong option at once with exit code 2, and starts nothing", async () => {
    const server = await start({
      flags: ["--max-workers", "0", "--log-level", "loud"],
      env: { FUNCTIONS_HTTP_PORTS: "1" },
      awaitReady: false
    })
    expect(await server.exited).toBe(2)
    for (const word of ["max_workers", "log_level", "FUNCTIONS_HTTP_PORTS"])
      expect(server.output()).toContain(word)
    expect(existsSync(server.dataDir)).toBe(false)
  })
})

describe("shutdown (R-8)", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`finishes what is in flight on ${signal}, exits 0 and leaves nothing`, async () => {
      await using gate = new Gate()
      const server = await start()
      await serve(server, "held", gate.handler("whole"))
      const answer = fetch(`${server.url}/functions/held`)
      await gate.arrived(1)
      process.kill(server.pid, signal)
      await server.printed(/stopping/i)
      gate.open()
      expect(await (await answer).text()).toBe("whole")
      expect(await server.exited).toBe(0)
      expect(server.output()).toMatch(/\nstopped\n$/)
      expect(existsSync(server.socketPath)).toBe(false)
      expect(leftovers(server.dataDir)).toEqual([])
      expect(processesNaming(server.dataDir)).toEqual([])
    })
  }

  it("takes a SIGINT right behind the first for the same Ctrl-C, and drains", async () => {
    await using gate = new Gate()
    const server = await start()
    await serve(server, "held", gate.handler("whole"))
    const answer = fetch(`${server.url}/functions/held`)
    await gate.arrived(1)
    // In one go, so that nothing comes between them; what a later one does is tested with a clock (StopSignal).
    await Bun.spawn(["sh", "-c", `kill -INT ${server.pid}; kill -INT ${server.pid}`]).exited
    await server.printed(/stopping/i)
    gate.open()
    expect(await (await answer).text()).toBe("whole")
    expect(await server.exited).toBe(0)
  })

  it("ends at once on a second SIGTERM", async () => {
    const server = await start()
    await serve(server, "slow", slow)
    const answer = fetch(`${server.url}/functions/slow?ms=60000`).catch(() => "gone")
    await until(
      () => getFunction(server, "slow"),
      (view) => view.workers.busy === 1
    )
    process.kill(server.pid, "SIGTERM")
    await server.printed(/stopping/i)
    process.kill(server.pid, "SIGTERM")
    expect(await server.exited).toBe(143)
    expect(await answer).toBe("gone")
    expect(existsSync(server.socketPath)).toBe(false)
    expect(leftovers(server.dataDir)).toEqual([])
    await until(
      async () => processesNaming(server.dataDir),
      (left) => left.length === 0
    )
  })

  it("gives up on invocations that outlast the drain time, and still exits 0", async () => {
    const server = await start({ flags: ["--drain-timeout-seconds", "0.2"] })
    await serve(server, "spin", spin)
    const answer = fetch(`${server.url}/functions/spin`).then(
      (response) => response.status,
      () => 0
    )
    await until(
      () => getFunction(server, "spin"),
      (view) => view.workers.busy === 1
    )
    expect(await server.stop()).toBe(0)
    // Given up, and told so: not cut off.
    expect(await answer).toBe(503)
    expect(processesNaming(server.dataDir)).toEqual([])
    expect(leftovers(server.dataDir)).toEqual([])
  })
})

describe("SIGKILL of the server (R-2)", () => {
  it("ends idle, busy and spinning workers within a second, and the next server cleans up and takes the socket over", async () => {
    const server = await start()
    await serve(server, "hello", hello)
    await serve(server, "slow", slow)
    await serve(server, "spin", spin)
    void fetch(`${server.url}/functions/slow?ms=60000`).catch(() => {})
    void fetch(`${server.url}/functions/spin`).catch(() => {})
    for (const name of ["slow", "spin"]) {
      await until(
        () => getFunction(server, name),
        (view) => view.workers.busy === 1
      )
    }
    // Spare ones run the same program.
    const workers = processesNaming(join(server.dataDir, "tmp", "guest-"))
    expect(workers.length).toBeGreaterThanOrEqual(3)
    await server.kill()
    const killedAt = performance.now()
    await until(
      async () => workers.filter(isAlive),
      (left) => left.length === 0
    )
    expect(performance.now() - killedAt).toBeLessThan(1000)
    expect(existsSync(server.socketPath)).toBe(true)

    const next = await start({ dataDir: server.dataDir, socketPath: server.socketPath })
    expect(await (await fetch(`${next.url}/functions/hello?name=you`)).text()).toBe("hello you")
    expect(leftovers(next.dataDir).filter((name) => name.startsWith(`${server.pid}-`))).toEqual([])
  })
})
