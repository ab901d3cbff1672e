import { Duration } from "effect"
import fc from "fast-check"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ConfigUnderTest } from "../../tests/support/ConfigUnderTest.ts"
import { ConfigInvalid } from "./ConfigInvalid.ts"
import { serverOptions } from "./OptionTable.ts"
import { renderConfig } from "./renderConfig.ts"
import { writtenValue } from "./resolveConfig.ts"
import { defaultOptions } from "./ServerConfig.ts"

let config: ConfigUnderTest
let folder: string
beforeEach(() => {
  config = new ConfigUnderTest()
  folder = config.folder
})
afterEach(() => config.remove())

const resolved: ConfigUnderTest["resolved"] = (partial) => config.resolved(partial)
const refused: ConfigUnderTest["refused"] = (partial) => config.refused(partial)
const configFile: ConfigUnderTest["file"] = (content, name) => config.file(content, name)

describe("the option table", () => {
  it("covers every field of ServerOptions once", () => {
    const keys = serverOptions.map((option) => option.key)
    const { apiKey: _, ...rest } = { apiKey: null, ...defaultOptions() }
    expect([...keys].sort()).toEqual([...Object.keys(rest), "apiKey"].sort())
    expect(new Set(serverOptions.map((option) => option.name)).size).toBe(keys.length)
  })

  it("has an example that works for every option", async () => {
    for (const option of serverOptions) {
      const config = await resolved({ env: { [option.env]: option.example } })
      expect(config.origins[option.key]).toEqual({ source: "environment", name: option.env })
    }
  })

  it("has defaults that it accepts itself", async () => {
    const written = Object.fromEntries(
      serverOptions.flatMap((option) => {
        const value = writtenValue(option, defaultOptions(join(folder, "data")))
        return value === null ? [] : [[option.name, value]]
      })
    )
    const { options } = await resolved({ flags: { config: configFile(written) } })
    expect(options).toEqual(defaultOptions(join(folder, "data")))
  })
})

describe("resolveConfig", () => {
  it("gives the defaults, with paths made absolute", async () => {
    const { options, origins } = await resolved()
    expect(options).toEqual(defaultOptions(join(folder, "data")))
    expect(options.metadataDb).toBe(join(folder, "data/metadata.db"))
    expect(origins.httpPort).toEqual({ source: "default" })
  })

  it("takes flags over environment over file over defaults", async () => {
    const path = configFile({ http_port: 1001, max_queue_length: 1, log_level: "warn" })
    const { options, origins } = await resolved({
      flags: { config: path, "http-port": "1003" },
      env: { FUNCTIONS_HTTP_PORT: "1002", FUNCTIONS_MAX_QUEUE_LENGTH: "2" }
    })
    expect(options).toMatchObject({ httpPort: 1003, maxQueueLength: 2, logLevel: "warn" })
    expect(origins.httpPort).toEqual({ source: "flag", name: "--http-port" })
    expect(origins.maxQueueLength).toEqual({ source: "environment", name: "FUNCTIONS_MAX_QUEUE_LENGTH" })
    expect(origins.logLevel).toEqual({ source: "file", name: path })
    expect(origins.httpHost).toEqual({ source: "default" })
  })

  it("precedence holds for every option and any choice of sources", async () => {
    const bounds: Record<string, readonly [number, number]> = {
      http_port: [0, 65_535],
      max_workers: [1, 200],
      warm_workers: [0, 1],
      max_workers_total: [1000, 10_000],
      concurrency: [1, 10_000],
      memory_mb: [16, 4096],
      idle_timeout_seconds: [1, 86_400],
      max_worker_invocations: [0, 1_000_000_000],
      max_worker_age_seconds: [0, 2_592_000],
      execution_timeout_seconds: [1, 900],
      cancel_grace_ms: [0, 10_000],
      max_queue_length: [1, 1_000_000],
      log_retention_days: [1, 3650]
    }
    const options = serverOptions.filter((option) => option.name in bounds)
    const choice = fc.record(
      Object.fromEntries(
        options.map((option) => {
          const [min, max] = bounds[option.name] ?? [0, 0]
          const value = fc.option(fc.integer({ min, max }), { nil: undefined })
          return [option.name, fc.record({ flag: value, env: value, file: value })]
        })
      )
    )
    await fc.assert(
      fc.asyncProperty(choice, async (chosen) => {
        const flags: Record<string, string> = {}
        const env: Record<string, string> = {}
        const file: Record<string, number> = {}
        for (const option of options) {
          const given = chosen[option.name]
          if (given?.flag !== undefined) flags[option.flag ?? ""] = String(given.flag)
          if (given?.env !== undefined) env[option.env] = String(given.env)
          if (given?.file !== undefined) file[option.name] = given.file
        }
        const config = await resolved({ flags: { ...flags, config: configFile(file) }, env })
        for (const option of options) {
          const given = chosen[option.name]
          const expected =
            given?.flag ?? given?.env ?? given?.file ?? writtenValue(option, defaultOptions(folder))
          const source =
            given?.flag !== undefined
              ? "flag"
              : given?.env !== undefined
                ? "environment"
                : given?.file !== undefined
                  ? "file"
                  : "default"
          expect(writtenValue(option, config.options)).toBe(expected)
          expect(config.origins[option.key].source).toBe(source)
        }
      }),
      { numRuns: 60 }
    )
  })

  it("reads spans in the unit of their name", async () => {
    const { options } = await resolved({
      flags: { "idle-timeout-seconds": "1.5" },
      env: { FUNCTIONS_CANCEL_GRACE_MS: "100" }
    })
    expect(Duration.toMillis(options.idleTimeout)).toBe(1500)
    expect(Duration.toMillis(options.cancelGrace)).toBe(100)
  })

  it("counts relative paths from the working directory, in the file from the file's folder", async () => {
    mkdirSync(join(folder, "etc"))
    const path = configFile({ data_dir: "../var", logs_dir: "/logs" }, "etc/bunbase.json")
    const { options } = await resolved({
      env: { FUNCTIONS_CONFIG: "etc/bunbase.json" },
      flags: { socket: "s.sock" }
    })
    expect(path).toBe(join(folder, "etc/bunbase.json"))
    expect(options.dataDir).toBe(join(folder, "var"))
    expect(options.bundlesDir).toBe(join(folder, "var/bundles"))
    expect(options.logsDir).toBe("/logs")
    expect(options.socketPath).toBe(join(folder, "s.sock"))
  })

  it("takes the flag's file over the variable's, and an empty variable as not set", async () => {
    const path = configFile({ http_port: 5 })
    const { options } = await resolved({
      flags: { config: path },
      env: { FUNCTIONS_CONFIG: "/nowhere.json", FUNCTIONS_API_KEY: "", OTHER: "x" }
    })
    expect(options.httpPort).toBe(5)
    expect(options.apiKey).toBeUndefined()
    expect((await resolved({ env: { FUNCTIONS_CONFIG: "" } })).options.httpPort).toBe(8080)
  })

  it("reports every fault at once, with field, origin, value and fix", async () => {
    const path = configFile({ max_worker: 3, http_port: "8080", log_level: "loud", warm_workers: null })
    const violations = await refused({
      flags: { config: path, "http-port": "80a", sockets: "x" },
      env: { FUNCTIONS_MEMORY_MB: "8", FUNCTIONS_HTTP_HOSTS: "x", FUNCTIONS_EXECUTION_TIMEOUT_SECONDS: "901" }
    })
    expect(violations).toHaveLength(9)
    expect(violations).toEqual(
      expect.arrayContaining([
        {
          field: "max_worker",
          origin: { source: "file", name: path },
          message: "there is no such option; did you mean max_workers?"
        },
        {
          field: "http_port",
          origin: { source: "file", name: path },
          value: "8080",
          message:
            "this is a string and has to be a number, without quotes; use a whole number from 0 to 65535"
        },
        {
          field: "log_level",
          origin: { source: "file", name: path },
          value: "loud",
          message: "use one of debug, info, warn, error"
        },
        {
          field: "warm_workers",
          origin: { source: "file", name: path },
          value: null,
          message: "use a whole number from 0 to 1000"
        },
        {
          field: "http_port",
          origin: { source: "flag", name: "--http-port" },
          value: "80a",
          message: "use a whole number from 0 to 65535"
        },
        {
          field: "sockets",
          origin: { source: "flag", name: "--sockets" },
          message: "there is no such flag; did you mean --socket?"
        },
        {
          field: "memory_mb",
          origin: { source: "environment", name: "FUNCTIONS_MEMORY_MB" },
          value: "8",
          message: "use a whole number from 16 to 4096"
        },
        {
          field: "FUNCTIONS_HTTP_HOSTS",
          origin: { source: "environment", name: "FUNCTIONS_HTTP_HOSTS" },
          message: "there is no such variable; did you mean FUNCTIONS_HTTP_HOST?"
        },
        {
          field: "execution_timeout_seconds",
          origin: { source: "environment", name: "FUNCTIONS_EXECUTION_TIMEOUT_SECONDS" },
          value: "901",
          message: "use a number of seconds from 0.05 to 900"
        }
      ])
    )
    const { message } = new ConfigInvalid({ violations })
    expect(message).toMatch(/^the configuration has 9 faults\n/)
    expect(message).toContain('  memory_mb = "8" (FUNCTIONS_MEMORY_MB): use a whole number from 16 to 4096')
  })

  it.each([["1e3"], ["0x10"], ["ten"], ["1.5"], ["-1"], ["NaN"], ["Infinity"], ["99999999999999999999"]])(
    "refuses %s workers",
    async (text) => {
      expect(await refused({ env: { FUNCTIONS_MAX_WORKERS: text } })).toMatchObject([
        { field: "max_workers", value: text }
      ])
    }
  )

  it.each([
    ["/nowhere/bunbase.json", "there is no such file"],
    [".", "this is a folder; name a JSON file"],
    ["", "use the path of a JSON file"]
  ])("a named file %j that cannot be had is a fault", async (path, message) => {
    expect(await refused({ flags: { config: path } })).toEqual([
      { field: "config", origin: { source: "flag", name: "--config" }, value: path, message }
    ])
  })

  it.each([
    ['{\n  "http_port": 8080,\n}', "this is not JSON: line 2, column 20: a comma before '}' is one too many"],
    ["[]", 'the file must hold one JSON object, such as {"http_port": 8080}'],
    ["null", 'the file must hold one JSON object, such as {"http_port": 8080}'],
    ["", "this is not JSON: line 1, column 1: expected a value, the text ends here"]
  ])("names the place in a broken file %j", async (content, message) => {
    expect(await refused({ flags: { config: configFile(content) } })).toMatchObject([{ message }])
  })
})

describe("secrets", () => {
  const key = "correct-horse-battery"

  it("never show, neither in a rendering nor in a fault", async () => {
    const config = await resolved({ env: { FUNCTIONS_API_KEY: key } })
    for (const text of [
      renderConfig(config, "table"),
      renderConfig(config, "json"),
      JSON.stringify(config.options)
    ])
      expect(text).not.toContain(key)
    expect(renderConfig(config, "table")).toMatch(/^api_key +\(set\) +FUNCTIONS_API_KEY$/m)
    const violations = await refused({ env: { FUNCTIONS_API_KEY: "too-short" } })
    expect(violations).toMatchObject([{ field: "api_key" }])
    expect(new ConfigInvalid({ violations }).message).not.toContain("too-short")
  })

  it("cannot be given as a flag", async () => {
    expect(await refused({ flags: { "api-key": key } })).toMatchObject([
      { field: "api-key", message: expect.stringContaining("no such flag") }
    ])
  })
})

describe("renderConfig", () => {
  it("shows each option, its value as it would be written, and its origin", async () => {
    const config = await resolved({ flags: { "idle-timeout-seconds": "60" } })
    const table = renderConfig(config, "table")
    expect(table.split("\n")).toHaveLength(serverOptions.length + 1)
    expect(table).toMatch(/^idle_timeout_seconds +60 +--idle-timeout-seconds$/m)
    expect(table).toMatch(/^http_port +8080 +default$/m)
    expect(table).toMatch(/^api_key +\(not set\) +default$/m)
    expect(JSON.parse(renderConfig(config, "json"))).toMatchObject({
      idle_timeout_seconds: { value: 60, source: "flag", from: "--idle-timeout-seconds" },
      http_port: { value: 8080, source: "default" }
    })
  })
})
