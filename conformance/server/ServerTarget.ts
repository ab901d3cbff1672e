import { existsSync } from "node:fs"
import { chmod, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { CaseContext } from "../model/Case.ts"
import type { ServerOptions } from "../model/Options.ts"
import type { StartContext, StartedTarget } from "../model/Suite.ts"
import { TargetUnusable } from "../model/Suite.ts"
import { Transcript } from "../model/Transcript.ts"
import { Door, type ServerAddress } from "./Door.ts"
import { factsOf } from "./facts.ts"
import { type Address, awaitReady, type Introduction } from "./target/awaitReady.ts"
import { newPlace, type Place, ServerProcess } from "./target/ServerProcess.ts"

export interface OwnOptions {
  /** The server's settings by their names in its configuration. */
  readonly settings?: Readonly<Record<string, string | number>>
  readonly env?: Readonly<Record<string, string>>
  /** Workers of the runtime quickjs-ng are the suite's own program. */
  readonly scripted?: boolean
  /** What that program announces before it is told to load anything; default: 1.1 with `load`. */
  readonly boot?: string
  /** Where it is to live; a new place else. */
  readonly place?: Partial<Place>
}

/** A server that was started and is ready. */
export interface Running {
  readonly process: ServerProcess
  readonly address: ServerAddress
  readonly about: Introduction
  /** Its temporary folder; null where the place was given. */
  readonly folder: string | null
}

const READY_MS = 15_000
const STOP_MS = 5_000
const SCRIPTED = fileURLToPath(new URL("scripted/main.ts", import.meta.url))

/** The server under test: one instance that cases share, and as many of their own as they need. */
export class ServerTarget {
  readonly options: ServerOptions
  readonly runtimes: ReadonlyArray<string>
  readonly #shared: ServerAddress
  readonly #start: StartContext
  readonly #special = new Map<string, Promise<Running>>()

  constructor(options: ServerOptions, shared: ServerAddress, start: StartContext) {
    this.options = options
    this.runtimes = options.runtimes
    this.#shared = shared
    this.#start = start
  }

  get firstRuntime(): string {
    return this.runtimes[0] ?? "bun"
  }

  /** The shared instance as a case sees it. */
  shared(context: CaseContext): Door {
    return new Door(this.#shared, context, this.options.functions, this.firstRuntime)
  }

  /** An instance with these settings that several cases share; started for the first of them. */
  async special(context: CaseContext, options: OwnOptions): Promise<Door> {
    const key = JSON.stringify(options)
    let running = this.#special.get(key)
    if (running === undefined) {
      running = startServer(this.options, options, { ...this.#start, transcript: new Transcript() })
      running.catch(() => this.#special.delete(key))
      this.#special.set(key, running)
    }
    const { address } = await running
    const runtime = options.scripted === true ? "quickjs-ng" : this.firstRuntime
    return new Door(address, context, this.options.functions, runtime)
  }

  /** Ends what cases shared beside the shared instance. */
  async stop(): Promise<void> {
    await Promise.all([...this.#special.values()].map((one) => one.then(endServer, () => {})))
  }
}

interface Surroundings {
  readonly signal: AbortSignal
  readonly owns: StartContext["owns"]
  readonly transcript: Transcript
}

/** Starts a server at a place of its own; what it needs is not looked at. */
export const launch = async (
  { cmd, scriptedWorker }: ServerOptions,
  { boot, env = {}, place: given = {}, scripted = false, settings = {} }: OwnOptions,
  { owns, transcript }: Surroundings
): Promise<{ readonly process: ServerProcess; readonly folder: string }> => {
  if (cmd === null) throw new TargetUnusable("the suite was not told how to start a server")
  const { folder, ...fresh } = await newPlace()
  const worker = scripted ? await scriptedProgram(folder, boot ?? "") : null
  const command = scripted ? `${cmd} ${scriptedWorker ?? ""}` : cmd
  const place = { ...fresh, ...given }
  const process = new ServerProcess({
    command,
    place,
    settings,
    env,
    worker,
    processes: { owns },
    transcript
  })
  return { process, folder }
}

/** Starts a server at a place of its own, and waits until it is ready. */
export const startServer = async (
  options: ServerOptions,
  own: OwnOptions,
  surroundings: Surroundings
): Promise<Running> => {
  const { folder, process } = await launch(options, own, surroundings)
  const { port, socket } = process.place
  const address: Address = {
    url: options.cmd?.includes("{port}") === false ? null : new URL(`http://127.0.0.1:${port}`),
    socket: options.cmd?.includes("{socket}") === false ? null : socket
  }
  try {
    const about = await awaitReady(address, process, READY_MS * options.timeoutFactor, surroundings.signal)
    return {
      process,
      about,
      folder,
      address: {
        ...address,
        apiKey: own.env?.["FUNCTIONS_API_KEY"] ?? null,
        logsDir: () => logsDirOf(about),
        pid: () => process.pid,
        shared: new Map()
      }
    }
  } catch (error) {
    await process.stop(0)
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

export const endServer = async ({ folder, process }: Running): Promise<void> => {
  await process.stop(STOP_MS)
  if (folder !== null) await rm(folder, { recursive: true, force: true })
}

/** A program that the server can start like a worker's. */
const scriptedProgram = async (folder: string, boot: string): Promise<string> => {
  const path = join(folder, "scripted-worker")
  const bun = process.execPath
  await writeFile(
    path,
    `#!/bin/sh\nexec '${bun}' --no-env-file --no-install --config=/dev/null '${SCRIPTED}' '${boot}' "$@"\n`
  )
  await chmod(path, 0o755)
  return path
}

const logsDirOf = ({ ping }: Introduction): string | null => {
  const dir = ping?.["logs_dir"]
  return typeof dir === "string" && existsSync(dir) ? dir : null
}

/** What a server said about its runtimes. */
const runtimesOf = ({
  ping,
  ready
}: Introduction): Readonly<Record<string, { available?: unknown; reason?: unknown }>> => {
  const said = ready?.["runtimes"] ?? ping?.["runtimes"]
  return typeof said === "object" && said !== null ? (said as Record<string, Record<string, unknown>>) : {}
}

/** Starts the shared instance, or attaches to one that runs. */
export const startTarget = async (
  options: ServerOptions,
  context: StartContext
): Promise<StartedTarget<ServerTarget>> => {
  const surroundings = { ...context, transcript: new Transcript() }
  const running = options.cmd === null ? null : await startServer(options, {}, surroundings)
  const { about, address } = running ?? (await attach(options, context.signal))
  try {
    refuseMissing(options.runtimes, about)
  } catch (error) {
    if (running !== null) await endServer(running)
    throw error
  }
  const target = new ServerTarget(options, address, context)
  const { ping } = about
  return {
    target,
    facts: factsOf({
      runtimes: options.runtimes,
      isStarted: running !== null,
      isScripted: options.scriptedWorker !== null,
      hasHttp: address.url !== null,
      hasSocket: address.socket !== null,
      hasLogs: address.logsDir() !== null,
      hasApiKey: options.apiKey !== null
    }),
    about: {
      // it says so by its socket alone
      ...(ping === null
        ? {}
        : { server: ping["server"], version: ping["version"], protocols: ping["protocols"] }),
      runtimes: options.runtimes
    },
    ...(running === null ? {} : { lost: lossOf(running.process) }),
    stop: async () => {
      await target.stop()
      if (running !== null) await endServer(running)
    }
  }
}

const LAST_LINES = 5

/** How the instance that cases share has ended, and what it said last. */
const lossOf = async (process: ServerProcess): Promise<string> => {
  const { code, signal } = await process.exited
  const how = signal === null ? `with code ${code}` : `by ${signal}`
  const what =
    process.flood === null
      ? `the server ended ${how} while cases ran`
      : `the server floods its output: ${process.flood}, and was killed`
  const said = process.output.trim().split("\n").slice(-LAST_LINES).join(" | ").slice(-1_000)
  return said === "" ? what : `${what}; it said last: ${said}`
}

const attach = async (
  options: ServerOptions,
  signal: AbortSignal
): Promise<{ readonly address: ServerAddress; readonly about: Introduction }> => {
  const at: Address = { url: options.url === null ? null : new URL(options.url), socket: options.socket }
  const about = await awaitReady(at, null, 5_000 * options.timeoutFactor, signal)
  const { apiKey, pid = null } = options
  return {
    about,
    address: { ...at, apiKey, logsDir: () => logsDirOf(about), pid: () => pid, shared: new Map() }
  }
}

/** A runtime that the user named and that is not there is a fault of the set-up, and no reason to leave cases out. */
const refuseMissing = (runtimes: ReadonlyArray<string>, about: Introduction): void => {
  const said = runtimesOf(about)
  for (const name of runtimes) {
    const one = said[name]
    if (one?.available === true) continue
    const reason = one === undefined ? "it does not know it" : String(one.reason ?? "it says no reason")
    throw new TargetUnusable(`the server does not have the runtime ${name}: ${reason}`)
  }
}
