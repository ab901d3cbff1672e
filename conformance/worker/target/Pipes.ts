import { closeSync, constants, openSync, unlinkSync, writeSync } from "node:fs"
import { join } from "node:path"

/** The two ends of a pipe, as descriptors. */
interface Ends {
  readonly read: number
  readonly write: number
}

/** What a worker and the suite speak through. The worker's ends block, as those of any program do; the suite's do not. */
export interface Pipes {
  readonly stdin: Ends
  readonly stdout: Ends
}

const open = (path: string, ours: "read" | "write"): Ends => {
  const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants
  // While somebody has both ends, opening either does not wait for the other.
  const both = openSync(path, O_RDWR | O_NONBLOCK)
  try {
    const read = openSync(path, O_RDONLY | (ours === "read" ? O_NONBLOCK : 0))
    const write = openSync(path, O_WRONLY | (ours === "write" ? O_NONBLOCK : 0))
    return { read, write }
  } finally {
    closeSync(both)
  }
}

let serial = 0

/**
 * Makes two real pipes. What the runtime itself offers as pipes are sockets, which behave otherwise in the details that are
 * tested here: what a full one does, and who notices the other end's going.
 */
export const makePipes = (folder: string): Pipes => {
  serial += 1
  const paths = ["in", "out"].map((name) => join(folder, `.${name}-${serial}`)) as [string, string]
  const made = Bun.spawnSync(["mkfifo", "-m", "600", ...paths])
  if (made.exitCode !== 0) throw new Error(`mkfifo failed: ${made.stderr.toString().trim()}`)
  const pipes = { stdin: open(paths[0], "write"), stdout: open(paths[1], "read") }
  for (const path of paths) unlinkSync(path)
  return pipes
}

const isCode = (error: unknown, code: string): boolean => (error as { readonly code?: unknown }).code === code

/** Writes to a pipe's end that does not block, in order; what it does not take now waits. */
export class PipeWriter {
  readonly #descriptor: number
  #queue: Array<Uint8Array> = []
  #timer: ReturnType<typeof setTimeout> | null = null
  #closing = false
  #closed = false
  #broken = false
  readonly #whenFlushed: Array<() => void> = []

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** The reader is gone: what is written goes nowhere. */
  get broken(): boolean {
    return this.#broken
  }

  write(bytes: Uint8Array): void {
    if (this.#closing || this.#broken) return
    this.#queue.push(bytes)
    if (this.#timer === null) this.#flush()
  }

  /** Resolves once everything that was written is in the pipe, or goes nowhere. */
  flushed(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenFlushed.push(resolve))
  }

  /** Closes the pipe behind everything that was written. */
  end(): void {
    this.#closing = true
    if (this.#queue.length === 0) this.#close()
  }

  /** Closes the pipe at once. */
  destroy(): void {
    this.#closing = true
    this.#drop()
  }

  #drop(): void {
    this.#queue = []
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#close()
    this.#settle()
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#descriptor)
  }

  #settle(): void {
    for (const resolve of this.#whenFlushed.splice(0)) resolve()
  }

  readonly #flush = (): void => {
    this.#timer = null
    while (this.#queue.length > 0) {
      const bytes = this.#queue[0] as Uint8Array
      let written: number
      try {
        written = bytes.length === 0 ? 0 : writeSync(this.#descriptor, bytes)
      } catch (error) {
        if (isCode(error, "EAGAIN")) {
          // Nothing tells when a descriptor that is no socket has room again.
          this.#timer = setTimeout(this.#flush, 1)
          return
        }
        this.#broken = true
        this.#drop()
        return
      }
      if (written === bytes.length) this.#queue.shift()
      else this.#queue[0] = bytes.subarray(written)
    }
    if (this.#closing) this.#close()
    this.#settle()
  }
}
