import { closeSync } from "node:fs"
import type { Processes } from "../../model/Suite.ts"
import type { Transcript } from "../../model/Transcript.ts"
import { shellLine } from "../../shellLine.ts"
import { BoundedText } from "./BoundedText.ts"
import { LineDecoder } from "./LineDecoder.ts"
import { makePipes, PipeWriter } from "./Pipes.ts"

/** A longer line breaks the protocol: 64 MiB, the newline not counted. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024
/** What one worker may say in one case; more is a flood, and it is killed. The largest cases need a fifth of it. */
const MOST_BYTES = 512 * 1024 * 1024
const MOST_LINES = 200_000
/** What it may print beside the protocol. */
const MOST_STDERR = 64 * 1024 * 1024

/** How long its pipes are read after its end, where somebody else still holds them. */
const STRAY_MS = 1_000

/** How a process ended. */
export interface Exit {
  /** Null where a signal ended it. */
  readonly code: number | null
  /** `SIGKILL`; null where it exited. */
  readonly signal: string | null
}

export const showExit = ({ code, signal }: Exit): string =>
  signal === null ? `with code ${code}` : `by ${signal}`

/** What a worker's output brings, in order. Nothing comes after `ended`. */
export interface OutputEvents {
  readonly line: (bytes: Uint8Array) => void
  /** It cannot be heard any further: a line of more than 64 MiB, or a flood. It was killed. */
  readonly unbearable: (why: "oversize" | "flood", what: string) => void
  /** All that it said was heard; `torn` is a last line without its newline. */
  readonly ended: (exit: Exit, torn: Uint8Array | null) => void
}

export interface WorkerProcessOptions {
  /** For `/bin/sh -c`. */
  readonly command: string
  /** For the pipes while they are made. */
  readonly folder: string
  /** Beside the suite's own environment. */
  readonly env: Readonly<Record<string, string>>
  readonly processes: Processes
  readonly transcript: Transcript
  readonly events: OutputEvents
}

/** A worker as a process of its own group, with real pipes for its stdin and stdout. */
export class WorkerProcess {
  readonly pid: number
  /** Resolves once it has ended and all that it said was heard. */
  readonly exited: Promise<Exit>
  readonly #writer: PipeWriter
  readonly #stderr = new BoundedText()
  readonly #readers: Array<{ readonly cancel: () => Promise<void> }> = []
  #paused: Promise<void> | null = null
  #resume: () => void = () => {}
  readonly #release: () => void
  readonly #events: OutputEvents
  #dead = false
  #over = false

  constructor({ command, folder, env, processes, transcript, events }: WorkerProcessOptions) {
    this.#events = events
    const pipes = makePipes(folder)
    let child: Bun.Subprocess<number, number, "pipe">
    try {
      child = Bun.spawn(["/bin/sh", "-c", shellLine(command).text], {
        stdio: [pipes.stdin.read, pipes.stdout.write, "pipe"],
        env: { ...ownEnvironment(), ...env },
        detached: true
      })
    } catch (error) {
      closeSync(pipes.stdin.write)
      closeSync(pipes.stdout.read)
      throw error
    } finally {
      closeSync(pipes.stdin.read)
      closeSync(pipes.stdout.write)
    }
    this.pid = child.pid
    this.#release = processes.owns(child.pid)
    this.#writer = new PipeWriter(pipes.stdin.write)
    transcript.add("note", `started: ${command}`)
    const heard = this.#listen(pipes.stdout.read)
    const complaints = this.#collect(child.stderr)
    this.exited = this.#end(child, heard, complaints, transcript, events)
  }

  /** The beginning and the end of what it printed beside the protocol. */
  get stderr(): string {
    return this.#stderr.text()
  }

  get stderrBytes(): number {
    return this.#stderr.totalBytes
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Puts bytes behind the others; nobody waits. */
  write(bytes: Uint8Array): void {
    this.#writer.write(bytes)
  }

  /** Resolves once all bytes are in the pipe. */
  flushed(): Promise<void> {
    return this.#writer.flushed()
  }

  /** Leaves what it says unread, as a host that is busy. */
  pause(): void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#paused = promise
    this.#resume = resolve
  }

  /** Reads on. */
  resume(): void {
    this.#paused = null
    this.#resume()
  }

  /** Ends its stdin behind everything that was written. */
  endStdin(): void {
    this.#writer.end()
  }

  /** Kills the whole group, and waits for the process's end. */
  async kill(): Promise<void> {
    this.#writer.destroy()
    this.resume()
    killGroup(this.pid)
    await this.exited
  }

  #giveUp(why: "oversize" | "flood", what: string): void {
    if (this.#dead) return
    this.#dead = true
    this.#events.unbearable(why, what)
    killGroup(this.pid)
  }

  async #listen(descriptor: number): Promise<Uint8Array | null> {
    let bytes = 0
    let lines = 0
    const decoder = new LineDecoder(MAX_LINE_BYTES, {
      line: (line) => {
        lines += 1
        if (lines > MOST_LINES) this.#giveUp("flood", `it has said more than ${MOST_LINES} lines`)
        else if (!this.#dead) this.#events.line(line)
      },
      oversize: () => this.#giveUp("oversize", `it has said a line of more than ${MAX_LINE_BYTES} bytes`)
    })
    const reader = Bun.file(descriptor).stream().getReader()
    this.#readers.push(reader)
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        bytes += next.value.length
        if (bytes > MOST_BYTES) this.#giveUp("flood", `it has said more than ${MOST_BYTES} bytes`)
        if (this.#dead) break
        decoder.push(next.value)
        if (this.#paused !== null) await this.#paused
      }
    } finally {
      await reader.cancel()
      closeSync(descriptor)
    }
    return this.#dead ? null : decoder.end()
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stream.getReader()
    this.#readers.push(reader)
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      this.#stderr.add(next.value)
      if (this.#stderr.totalBytes > MOST_STDERR)
        this.#giveUp("flood", `it has printed more than ${MOST_STDERR} bytes on its stderr`)
    }
  }

  async #end(
    child: Bun.Subprocess,
    heard: Promise<Uint8Array | null>,
    complaints: Promise<void>,
    transcript: Transcript,
    events: OutputEvents
  ): Promise<Exit> {
    await child.exited
    // whatever it has started goes with it: that may hold the pipes open
    killGroup(this.pid)
    // what has left the group may hold them open all the same, and is not waited for
    const clock = setTimeout(() => {
      for (const reader of this.#readers) void reader.cancel()
    }, STRAY_MS)
    const [torn] = await Promise.all([heard, complaints])
    clearTimeout(clock)
    this.#writer.destroy()
    this.#release()
    this.#over = true
    const exit = {
      code: child.signalCode === null ? child.exitCode : null,
      signal: child.signalCode === null ? null : String(child.signalCode)
    }
    transcript.add("note", `ended ${showExit(exit)}`)
    if (this.#stderr.totalBytes > 0) transcript.add("note", `its stderr: ${this.stderr}`)
    events.ended(exit, torn)
    return exit
  }
}

/** Variables by which a host tells a worker where it speaks; this one speaks by the worker's stdin and stdout. */
const HOST_VARIABLES = new Set(["BUNBASE_PROTOCOL_FD", "BUNBASE_HOST_PID"])

const ownEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || HOST_VARIABLES.has(name) ? [] : [[name, value]]
    )
  )

const killGroup = (pid: number): void => {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // nobody is left in it
  }
}
