import { existsSync, readdirSync, statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { ServerOptions, SuiteOptions, WorkerOptions } from "../model/Options.ts"
import type { Requirement } from "../model/Requirement.ts"
import type { Filters } from "../Selection.ts"
import type { Parsed } from "./parseFlags.ts"

/** What a run is told besides its target. */
export interface RunFlags {
  readonly filters: Filters
  readonly seed: number
  readonly jobs: number
  readonly timeoutFactor: number
  readonly name: string | null
  readonly json: string | null
  readonly junit: string | null
  readonly html: string | null
  readonly quiet: boolean
  /** `--partial`: what the flags leave unchecked is meant to be. */
  readonly partial: boolean
}

export const readFilters = (parsed: Parsed): Filters => ({
  ids: parsed.list("id"),
  areas: parsed.list("area"),
  levels: parsed.list("level").flatMap((level) => LEVELS.find((one) => one === level) ?? [])
})

const LEVELS = ["MUST", "SHOULD", "MAY"] as const

/** What `broken` is told. */
export interface BrokenFlags {
  readonly kind: "worker" | "server" | null
  /** `--only`; empty: all. */
  readonly names: ReadonlyArray<string>
  /** `--except` */
  readonly left: ReadonlyArray<string>
  readonly seed: number
  /** Targets at a time. */
  readonly jobs: number
  readonly timeoutFactor: number
  readonly quiet: boolean
}

/** Most broken targets wait to be found out; more of them at a time than cores. */
const TARGETS_PER_CORE = 4

export const readBrokenFlags = (parsed: Parsed): BrokenFlags => ({
  kind: parsed.has("kind") ? parsed.choice("kind", ["worker", "server"], "worker") : null,
  names: parsed.list("only"),
  left: parsed.list("except"),
  seed: readSeed(parsed),
  jobs: parsed.number("jobs", 1, MOST_JOBS, true) ?? availableParallelism() * TARGETS_PER_CORE,
  timeoutFactor: readTimeoutFactor(parsed),
  quiet: parsed.has("quiet")
})

const MOST_JOBS = 256
const MOST_PROPERTY_RUNS = 100_000
const MOST_SEED = 2_147_483_647

const readSeed = (parsed: Parsed): number =>
  parsed.number("seed", 0, MOST_SEED, true) ?? Math.floor(Math.random() * MOST_SEED)

const readTimeoutFactor = (parsed: Parsed): number => parsed.number("timeout-factor", 0.1, 100, false) ?? 1

export const readRunFlags = (parsed: Parsed): RunFlags => ({
  filters: readFilters(parsed),
  seed: readSeed(parsed),
  jobs: parsed.number("jobs", 1, MOST_JOBS, true) ?? availableParallelism(),
  timeoutFactor: readTimeoutFactor(parsed),
  name: parsed.text("name"),
  json: parsed.text("json"),
  junit: parsed.text("junit"),
  html: parsed.text("html"),
  quiet: parsed.has("quiet"),
  partial: parsed.has("partial")
})

export const FUNCTIONS = fileURLToPath(new URL("../../fixtures/functions/conformance", import.meta.url))

/** What every port of the functions for workers has. */
const SIMPLEST = "hello"

/** Tells of a folder of functions that is none, before anything is started. */
const checkFunctions = (parsed: Parsed, folder: string, name: string, extension: string): void => {
  const given = `--functions ${parsed.text("functions") ?? folder}`
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    return parsed.fault(`${given}: there is no such folder`)
  if (existsSync(join(folder, `${name}.${extension}`))) return
  const other = readdirSync(folder).find((file) => file.startsWith(`${name}.`))
  // the language of a server's functions is no choice
  const hint =
    other === undefined || name !== SIMPLEST
      ? ""
      : `; there is ${other}: --extension ${other.slice(name.length + 1)}`
  parsed.fault(`${given}: there is no ${name}.${extension} in it${hint}`)
}

const readSuiteOptions = (
  parsed: Parsed,
  requirements: ReadonlyMap<string, Requirement>
): SuiteOptions & { readonly functions: string } => {
  const functions = parsed.text("functions")
  return {
    requirements,
    caseFiles: parsed.list("cases"),
    propertyRuns: parsed.number("property-runs", 1, MOST_PROPERTY_RUNS, true),
    timeoutFactor: readTimeoutFactor(parsed),
    functions: functions === null ? FUNCTIONS : resolve(functions)
  }
}

export const readWorkerOptions = (
  parsed: Parsed,
  requirements: ReadonlyMap<string, Requirement>
): WorkerOptions => {
  const cmd = parsed.text("cmd")
  if (cmd === null || cmd.trim() === "") parsed.fault("give the command that starts a worker: --cmd COMMAND")
  const extension = parsed.text("extension") ?? "js"
  if (!/^[A-Za-z0-9.]+$/.test(extension))
    parsed.fault(`--extension ${extension}: give letters and digits, like js`)
  const suite = readSuiteOptions(parsed, requirements)
  checkFunctions(parsed, suite.functions, SIMPLEST, extension.replace(/^\./, ""))
  return {
    ...suite,
    cmd: cmd ?? "",
    runtime: parsed.choice("runtime", ["bun", "quickjs-ng", "other"], "other"),
    javascript: parsed.has("javascript"),
    extension: extension.replace(/^\./, ""),
    protocol: parsed.choice("protocol", ["1.0", "1.1"], "1.1"),
    features: parsed.has("features") ? parsed.list("features") : null
  }
}

export const readServerOptions = (
  parsed: Parsed,
  requirements: ReadonlyMap<string, Requirement>
): ServerOptions => {
  const [cmd, url, socket] = [parsed.text("cmd"), parsed.text("url"), parsed.text("socket")]
  const scriptedWorker = parsed.text("scripted-worker")
  if (cmd === null && url === null && socket === null) {
    parsed.fault(
      "give the server: --cmd COMMAND to start one, or --url URL and --socket PATH of one that runs"
    )
  }
  if (cmd !== null) {
    for (const name of ["url", "socket", "api-key"]) {
      if (parsed.has(name)) parsed.fault(`--${name} is for a server that runs; --cmd starts one`)
    }
    if (!cmd.includes("{data}")) {
      parsed.fault(
        "--cmd needs {data}, where the server's data folder belongs: the suite's servers are killed, and must not work on data of yours"
      )
    }
    if (!cmd.includes("{port}") && !cmd.includes("{socket}")) {
      parsed.fault("--cmd needs {port} or {socket}: the suite chooses where the server listens")
    }
  }
  if (scriptedWorker !== null && cmd === null) parsed.fault("--scripted-worker needs --cmd")
  if (scriptedWorker !== null && !scriptedWorker.includes("{worker}")) {
    parsed.fault("--scripted-worker needs {worker}, where the suite's own worker belongs")
  }
  if (url !== null && !/^https?:\/\/[^/]+\/?$/.test(url)) {
    parsed.fault(`--url ${url}: give scheme, host and port, like http://127.0.0.1:8080`)
  }
  const pid = parsed.number("pid", 2, 4_194_304, true)
  if (pid !== null && cmd !== null) parsed.fault("--pid is for a server that runs; --cmd starts one")
  const runtimes = parsed.list("runtimes")
  const suite = readSuiteOptions(parsed, requirements)
  checkFunctions(parsed, suite.functions, "server", "js")
  return {
    ...suite,
    cmd,
    scriptedWorker,
    url: url?.replace(/\/$/, "") ?? null,
    socket: socket === null ? null : resolve(socket),
    apiKey: parsed.text("api-key"),
    pid,
    runtimes: runtimes.length === 0 ? ["bun", "quickjs-ng"] : [...new Set(runtimes)]
  }
}
