import { Effect, Either, Redacted } from "effect"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ConfigUnderTest } from "../../tests/support/ConfigUnderTest.ts"
import { ConfigInvalid } from "./ConfigInvalid.ts"
import { resolveConfig } from "./resolveConfig.ts"
import { mostDeployBytes } from "./ServerConfig.ts"

const MiB = 1024 * 1024
const faultsOf = async (env: Readonly<Record<string, string>>): Promise<ReadonlyArray<string>> => {
  const result = await Effect.runPromise(
    Effect.either(resolveConfig({ flags: { "data-dir": "/tmp", socket: "/tmp/x.sock" }, env, cwd: "/tmp" }))
  )
  return Either.isRight(result)
    ? []
    : result.left.violations.map(({ field, message }) => `${field}: ${message}`)
}
const buffered = (bytes: number) => ({ FUNCTIONS_MAX_BUFFERED_BYTES: String(bytes) })

let config: ConfigUnderTest
let folder: string
beforeEach(() => {
  config = new ConfigUnderTest()
  folder = config.folder
})
afterEach(() => config.remove())

const resolved: ConfigUnderTest["resolved"] = (partial) => config.resolved(partial)
const refused: ConfigUnderTest["refused"] = (partial) => config.refused(partial)

describe("rules between options", () => {
  it("warm ≤ max ≤ total", async () => {
    expect(
      await refused({
        flags: { "max-workers": "300" },
        env: { FUNCTIONS_WARM_WORKERS: "301" }
      })
    ).toEqual([
      {
        field: "warm_workers",
        origin: { source: "environment", name: "FUNCTIONS_WARM_WORKERS" },
        value: 301,
        message: "must not be above max_workers = 300 (--max-workers); lower the one or raise the other"
      },
      {
        field: "max_workers",
        origin: { source: "flag", name: "--max-workers" },
        value: 300,
        message:
          "must not be above max_workers_total = 200 (default; --max-workers-total sets it); lower the one or raise the other"
      }
    ])
  })

  it("another address than loopback needs a key", async () => {
    for (const host of ["0.0.0.0", "::", "example.com", "192.168.1.4", "126.0.0.1"]) {
      expect(await refused({ flags: { "http-host": host } })).toMatchObject([
        { field: "http_host", value: host }
      ])
    }
    for (const host of ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "localhost", "LOCALHOST"]) {
      expect((await resolved({ flags: { "http-host": host } })).options.httpHost).toBe(host)
    }
    const key = "0123456789abcdef"
    const { options } = await resolved({
      flags: { "http-host": "0.0.0.0" },
      env: { FUNCTIONS_API_KEY: key }
    })
    expect(options.apiKey && Redacted.value(options.apiKey)).toBe(key)
  })

  it("the socket's path fits the system", async () => {
    const fits = `/${"s".repeat(106)}`
    expect((await resolved({ flags: { socket: fits } })).options.socketPath).toBe(fits)
    expect(await refused({ flags: { socket: `${fits}s` } })).toMatchObject([
      {
        field: "socket",
        message: "a socket's path has at most 107 bytes, and this one has 108; choose a shorter one"
      }
    ])
  })

  it("the socket's folder is there, or is the server's own", async () => {
    const kindOf = (path: string) =>
      path === "/run" ? "folder" : path === "/etc/passwd" ? "other" : "nothing"
    expect(await refused({ flags: { socket: "/rnu/x.sock" }, kindOf })).toMatchObject([
      {
        field: "socket",
        value: "/rnu/x.sock",
        message: "there is no folder /rnu; correct the path, or make the folder first"
      }
    ])
    expect(await refused({ flags: { socket: "/etc/passwd/x.sock" }, kindOf })).toMatchObject([
      { field: "socket", message: "/etc/passwd is not a folder; correct the path" }
    ])
    for (const socket of ["/run/x.sock", "data/x.sock", "data/run/x.sock"])
      expect((await resolved({ flags: { socket }, kindOf })).options.socketPath).toContain("x.sock")
  })

  it("a fault between options tells how each of them is set, and quotes texts", async () => {
    const violations = await refused({
      flags: { "max-workers-total": "5", "metadata-db": "m.db", "logs-db": "m.db" }
    })
    const { message } = new ConfigInvalid({ violations })
    expect(message).toContain(
      "  max_workers = 10 (default; --max-workers sets it): must not be above max_workers_total = 5 (--max-workers-total);"
    )
    expect(message).toContain(`must not be the same as logs_db = "${join(folder, "m.db")}" (--logs-db);`)
  })

  it("databases and folders do not share a place", async () => {
    expect(await refused({ flags: { "metadata-db": "data/logs.db" } })).toMatchObject([
      { field: "metadata_db" }
    ])
    expect(await refused({ flags: { "logs-dir": "data/bundles/logs" } })).toMatchObject([
      { field: "logs_dir" }
    ])
    expect(await refused({ flags: { "bundles-dir": "." } })).not.toHaveLength(0)
    expect(await refused({ flags: { "metadata-db": "data/bundles/x.db" } })).toMatchObject([
      { field: "metadata_db" }
    ])
  })

  it("is not asked about values that are wrong by themselves", async () => {
    expect(await refused({ flags: { "max-workers": "0", "warm-workers": "5" } })).toHaveLength(1)
  })
})

describe("the room for all bodies together", () => {
  it("is large enough for the largest body of one request, or it could never be taken", async () => {
    const env = {
      FUNCTIONS_MAX_REQUEST_BYTES: String(30 * MiB),
      FUNCTIONS_MAX_BUNDLE_BYTES: String(MiB),
      ...buffered(30 * MiB - 1)
    }
    const [fault, ...others] = await faultsOf(env)
    expect(fault).toMatch(/^max_buffered_bytes: .*max_request_bytes = 31457280/)
    expect(others).toEqual([])
    expect(await faultsOf({ ...env, ...buffered(30 * MiB) })).toEqual([])
  })

  it("is large enough for the largest deployment", async () => {
    const env = { FUNCTIONS_MAX_BUNDLE_BYTES: String(100 * MiB) }
    const [fault, ...others] = await faultsOf({ ...env, ...buffered(mostDeployBytes(100 * MiB) - 1) })
    expect(fault).toMatch(
      new RegExp(`^max_buffered_bytes: .*${mostDeployBytes(100 * MiB)}.*max_bundle_bytes = 104857600`)
    )
    expect(others).toEqual([])
    expect(await faultsOf({ ...env, ...buffered(mostDeployBytes(100 * MiB)) })).toEqual([])
  })

  it("takes a frame of the socket in any case", async () => {
    expect(await faultsOf(buffered(16 * MiB - 1))).toEqual([
      "max_buffered_bytes: use a whole number from 16777216 to 68719476736"
    ])
  })
})
