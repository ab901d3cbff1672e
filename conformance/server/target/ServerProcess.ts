import { type ChildProcess, spawn } from "node:child_process"
import { createServer } from "node:net"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Processes } from "../../model/Suite.ts"
import type { Transcript } from "../../model/Transcript.ts"
import { shellLine } from "../../shellLine.ts"
import { behindShell, descendants, isAlive, type ProcessEntry } from "./processTable.ts"

export interface Exit {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly signal: string | null
  /** `performance.now()` */
  readonly at: number
}

/** Where a server of the suite's own is to live. */
export interface Place {
  readonly data: string
  readonly socket: string
  readonly port: number
}

export interface ProcessOptions {
  readonly command: string
  readonly place: Place
  /** The server's settings by their names in its configuration: `max_queue_length`. */
  readonly settings: Readonly<Record<string, string | number>>
  readonly env: Readonly<Record<string, string>>
  /** For `{worker}`; null where none is asked for. */
  readonly worker: string | null
  readonly processes: Processes
  readonly transcript: Transcript
}

const MOST_OUTPUT = 64 * 1024
/** What a server may print until it is ready, and in all; more is a flood, and it is killed. */
const MOST_BEFORE_READY = 16 * 1024 * 1024
const MOST_PRINTED = 512 * 1024 * 1024

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** The user's command with its placeholders filled in. */
export const serverCommand = (
  command: string,
  { data, port, socket }: Place,
  worker: string | null
): string =>
  command
    .replaceAll("{data}", () => quoted(data))
    .replaceAll("{socket}", () => quoted(socket))
    .replaceAll("{port}", () => String(port))
    .replaceAll("{worker}", () => quoted(worker ?? ""))

const variables = (settings: ProcessOptions["settings"]): Record<string, string> =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`FUNCTIONS_${name.toUpperCase()}`, String(value)])
  )

/** The caller's environment without settings of a server of his own, such as its data folder. */
const withoutSettings = (all: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith("FUNCTIONS_")))

/** A server that the suite started: in a process group of its own, on a place of its own. */
export class ServerProcess {
  readonly place: Place
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  /** The first process: the leader of its group. */
  readonly #leader: number
  /** What the shell was given that waits for the server; null where the server took its place. */
  readonly #shell: string | null
  readonly #transcript: Transcript
  #output = ""
  #printedBytes = 0
  #mostPrinted = MOST_BEFORE_READY
  #flood: string | null = null
  #exit: Exit | null = null
  #listeners: Array<() => void> = []

  constructor({ command, env, place, processes, settings, transcript, worker }: ProcessOptions) {
    this.place = place
    this.#transcript = transcript
    const line = serverCommand(command, place, worker)
    transcript.add("note", `started: ${line} ${JSON.stringify(settings)}`)
    const { replacesShell, text: shellText } = shellLine(line)
    this.#shell = replacesShell ? null : shellText
    this.#child = spawn("/bin/sh", ["-c", shellText], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...withoutSettings(process.env), ...variables(settings), ...env }
    })
    if (this.#child.pid === undefined) throw new Error("/bin/sh could not be started")
    this.#leader = this.#child.pid
    const release = processes.owns(this.#leader)
    const { promise, resolve } = Promise.withResolvers<Exit>()
    this.exited = promise
    const hear = (chunk: Buffer) => this.#hear(chunk)
    this.#child.stdout?.on("data", hear)
    this.#child.stderr?.on("data", hear)
    this.#child.once("exit", (code, signal) => {
      this.#exit = { code, signal, at: performance.now() }
      transcript.add("note", `the server ended ${signal === null ? `with code ${code}` : `by ${signal}`}`)
    })
    this.#child.once("close", () => {
      // what it leaves in its group is killed: the suite started it
      if (!this.#killGroup()) release()
      for (const listener of this.#listeners) listener()
      resolve(this.#exit ?? { code: null, signal: "unknown", at: performance.now() })
    })
    // a grandchild may hold its pipes open; its own end is what counts
    this.#child.once("exit", () => setTimeout(() => this.#child.stdout?.destroy(), 300).unref())
    this.#child.once("exit", () => setTimeout(() => this.#child.stderr?.destroy(), 300).unref())
  }

  #hear(chunk: Buffer): void {
    if (this.#flood !== null) return
    this.#printedBytes += chunk.length
    const text = chunk.toString()
    this.#transcript.add("target", `server: ${text.trimEnd()}`)
    this.#output = (this.#output + text).slice(-MOST_OUTPUT)
    if (this.#printedBytes > this.#mostPrinted) {
      this.#flood = `it has printed more than ${this.#mostPrinted} bytes`
      this.#transcript.add("note", `the server floods its output: ${this.#flood}, and was killed`)
      this.#killGroup()
    }
    for (const listener of this.#listeners) listener()
  }

  /** Whether there was anybody to kill. */
  #killGroup(): boolean {
    try {
      process.kill(-this.#leader, "SIGKILL")
      return true
    } catch {
      return false
    }
  }

  /** The server's own process: behind a shell that waits for it, the first that it started. */
  get pid(): number {
    return this.#shell === null ? this.#leader : behindShell(this.#leader, this.#shell)
  }

  /** What it printed too much, and was killed for; null where it did not. */
  get flood(): string | null {
    return this.#flood
  }

  /** From now on it may print what a server prints in a long run. */
  becameReady(): void {
    this.#mostPrinted = MOST_PRINTED
  }

  /** The newest of what it printed. */
  get output(): string {
    return this.#output
  }

  get exit(): Exit | null {
    return this.#exit
  }

  /** Resolves once it has printed this. */
  async printed(text: string): Promise<void> {
    while (!this.#output.includes(text) && this.#exit === null) {
      await new Promise<void>((resolve) => this.#listeners.push(resolve))
    }
    if (!this.#output.includes(text)) throw new Error(`the server ended before it printed "${text}"`)
  }

  signal(name: NodeJS.Signals): void {
    if (this.#exit !== null) return
    try {
      process.kill(this.pid, name)
    } catch {
      // it ended in between
    }
  }

  /** Its workers and whatever else it started, zombies included. */
  children(): ReadonlyArray<ProcessEntry> {
    return descendants(this.pid)
  }

  /** Ends it and what it left: SIGTERM, and SIGKILL where that is not heard. */
  async stop(graceMs: number): Promise<void> {
    const workers = this.children()
    this.signal("SIGTERM")
    const timer = setTimeout(() => this.#killGroup(), graceMs)
    await this.exited
    clearTimeout(timer)
    reap(workers)
  }
}

/** Kills those that are left of processes that the suite's own server started. */
const reap = (workers: ReadonlyArray<ProcessEntry>): void => {
  for (const worker of workers) {
    if (!isAlive(worker)) continue
    try {
      process.kill(worker.pid, "SIGKILL")
    } catch {
      // gone in between
    }
  }
}

/** Below the ports that the kernel gives to connections: one of those could take a server's port before it listens. */
const FIRST_PORT = 12_000
const PORTS = 20_000
const MOST_TRIES = 100
/** Two servers that start at the same time are not to get the same one. */
const given = new Set<number>()

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

/** A port of loopback that is free now, and that nobody else gets from here. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port from ${FIRST_PORT} to ${FIRST_PORT + PORTS}`)
}

/** A new place; its path is short, for a socket's path has at most 107 bytes. */
export const newPlace = async (): Promise<Place & { readonly folder: string }> => {
  const folder = await mkdtemp(join(tmpdir(), "bbc-"))
  return { folder, data: join(folder, "data"), socket: join(folder, "s"), port: await freePort() }
}
