import { readFileSync } from "node:fs"
import { afterAll, beforeAll, expect, it } from "vitest"
import { profileCapabilities } from "../../src/domain/Capabilities.ts"
import { getFunction, problemOf, serve, until } from "../support/Api.ts"
import { describeOnQuickJs } from "../support/OnQuickJs.ts"
import { childrenOf, commandOf } from "../support/Processes.ts"
import { startServer, type TestServer } from "../support/TestServer.ts"

const LIMIT_MB = 128
/** Beyond the nine tenths from which a sudden death is put down to memory; the engine still grants it. */
const NEAR_LIMIT_MB = 120
const LIGHT_MB = 32

/** Takes so many MiB, says so by a call to `at`, and waits for its answer, which never comes. */
const bundle = `
const kept = []
export default async (req) => {
  const { pathname, searchParams } = new URL(req.url)
  if (pathname === "/well") return new Response("well")
  for (let i = 0; i < Number(searchParams.get("mb")); i += 1) kept.push(new Uint8Array(1024 * 1024).fill(1))
  return await fetch(searchParams.get("at"))
}`

/** All processes under one: of the server's, the fork server, its workers, and those of snapshots. */
const under = (pid: number): ReadonlyArray<number> =>
  childrenOf(pid).flatMap((child) => [child, ...under(child)])

/** The most memory that a fork of the fork server ever had, in MiB; 0 for what is none, or is gone. */
const peakOf = (pid: number): number => {
  try {
    if (!commandOf(pid).includes("--zygote")) return 0
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

describeOnQuickJs("a worker on quickjs-ng that is killed while it works, over HTTP (R-4)", () => {
  let server: TestServer
  let holding = Promise.withResolvers<void>()
  /** Where functions say that they hold their memory. */
  const listener = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      holding.resolve()
      return new Promise<Response>(() => {})
    }
  })
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(async () => {
    await server.dispose()
    await listener.stop(true)
  })

  /** Kills the one worker of a new function while it holds so much; gives the answer, and what it had. */
  const killedAt = async (name: string, mb: number, signal: NodeJS.Signals, settings: object = {}) => {
    await serve(server, name, bundle, {
      runtime: "quickjs-ng",
      memory_mb: LIMIT_MB,
      max_workers: 1,
      capabilities: profileCapabilities.permissive,
      ...settings
    })
    holding = Promise.withResolvers()
    const url = `${server.url}/functions/${name}`
    const answer = fetch(`${url}/hold?mb=${mb}&at=${encodeURIComponent(String(listener.url))}`)
    await Promise.race([holding.promise, answer])
    // No other has as much: each of the earlier ones is dead, and a worker in waiting takes 3 MiB.
    const own = under(server.pid).filter((pid) => peakOf(pid) >= mb)
    expect(own).toHaveLength(1)
    const [pid] = own as [number]
    const peakMb = peakOf(pid)
    process.kill(pid, signal)
    return { response: await answer, peakMb, well: () => fetch(`${url}/well`) }
  }

  it.each([
    ["by the kernel", "SIGKILL", {}],
    ["by the C library", "SIGABRT", {}],
    ["by the kernel, as a fork of a snapshot", "SIGKILL", { snapshot: true }]
  ] as const)("at its memory limit: FN_003, and a new worker goes on: %s", async (how, signal, settings) => {
    const name = `full-${signal}-${Object.keys(settings).length}`.toLowerCase()
    const { peakMb, response, well } = await killedAt(name, NEAR_LIMIT_MB, signal, settings)
    expect(peakMb, how).toBeGreaterThan(LIMIT_MB * 0.9)
    expect(response.status).toBe(500)
    expect(await problemOf(response)).toMatchObject({
      code: "FN_003",
      retryable: false,
      detail: expect.stringContaining(`used more than its ${LIMIT_MB} MiB of memory`)
    })
    expect(await (await well()).text()).toBe("well")
  })

  it.each(["SIGKILL", "SIGABRT"] as const)("far below it: FN_004, the ordinary crash: %s", async (signal) => {
    const name = `light-${signal}`.toLowerCase()
    const { peakMb, response, well } = await killedAt(name, LIGHT_MB, signal)
    expect(peakMb).toBeLessThan(LIMIT_MB * 0.5)
    expect(response.status).toBe(502)
    expect(await problemOf(response)).toMatchObject({
      code: "FN_004",
      retryable: true,
      detail: expect.stringContaining(`was ended by ${signal}`)
    })
    expect(await (await well()).text()).toBe("well")
    const { workers } = await until(
      () => getFunction(server, name),
      ({ workers: now }) => now.busy === 0
    )
    expect(workers.starting).toBe(0)
  })
})
