import { readdirSync, readFileSync } from "node:fs"

/** Threads other than the first one are asked for what they have started so seldom: there are a dozen of them. */
const ALL_THREADS_EVERY_MS = 500
/** Of a tree that is larger the rest is not counted: reading it would hold up the server. */
const MOST_PROCESSES = 256

interface Status {
  /** What it holds for itself, in KiB. */
  readonly ownKb: number
  /** The size of its address space, in KiB. */
  readonly addressesKb: number
}

/** A process that the root has started, or one of those has. Its start tells it from a later one with its id. */
interface Descendant {
  readonly started: string
  readonly parent: number
}

const NUMBER = /^(VmSize|RssAnon|RssShmem|VmSwap):\s+(\d+) kB$/gm

/** A process and everything that it has started, as `/proc` tells it. What has left its parents behind stays in sight. */
export class ProcessTree {
  readonly root: number
  readonly #proc: string
  readonly #descendants = new Map<number, Descendant>()
  #allThreadsAt = Number.NEGATIVE_INFINITY

  constructor(root: number, proc = "/proc") {
    this.root = root
    this.#proc = proc
  }

  /** Whether the last look has found anything but the root. */
  get hasDescendants(): boolean {
    return this.#descendants.size > 0
  }

  /** The bytes that they hold for themselves: anonymous, shared and swapped out memory. Null when the root is gone. */
  read(now: number): number | null {
    const root = this.#status(this.root)
    if (root === null) return null
    const allThreads = now - this.#allThreadsAt >= ALL_THREADS_EVERY_MS
    if (allThreads) this.#allThreadsAt = now
    for (const pid of [this.root, ...this.#descendants.keys()]) this.#findChildren(pid, allThreads)
    let kilobytes = root.ownKb
    const seen = new Map([[this.root, root]])
    for (const [pid, { parent, started }] of this.#descendants) {
      const status = this.#startOf(pid) === started ? this.#status(pid) : null
      if (status === null) {
        this.#descendants.delete(pid)
        continue
      }
      seen.set(pid, status)
      // Between its birth and its program it may live in its parent's own memory (vfork): that is counted already.
      if (seen.get(parent)?.addressesKb !== status.addressesKb) kilobytes += status.ownKb
    }
    return kilobytes * 1024
  }

  /** Kills what the root has started; the root is its owner's business. */
  killDescendants(): void {
    for (const [pid, { started }] of this.#descendants) {
      if (this.#startOf(pid) !== started) continue
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // ESRCH: it is gone. EPERM: it has become another user, and is beyond our reach.
      }
    }
    this.#descendants.clear()
  }

  #findChildren(pid: number, allThreads: boolean): void {
    const threads = allThreads ? this.#list(`${pid}/task`) : [String(pid)]
    for (const thread of threads) {
      for (const word of (this.#text(`${pid}/task/${thread}/children`) ?? "").split(" ")) {
        const child = Number(word)
        if (!(child > 0) || this.#descendants.has(child)) continue
        if (this.#descendants.size >= MOST_PROCESSES) return
        const started = this.#startOf(child)
        if (started === null) continue
        this.#descendants.set(child, { started, parent: pid })
        this.#findChildren(child, true)
      }
    }
  }

  #status(pid: number): Status | null {
    const text = this.#text(`${pid}/status`)
    if (text === null) return null
    let ownKb = 0
    let addressesKb = 0
    let found = false
    for (const [, name, value] of text.matchAll(NUMBER)) {
      if (name === "VmSize") addressesKb = Number(value)
      else ownKb += Number(value)
      found = true
    }
    // A zombie has none of these lines.
    return found ? { ownKb, addressesKb } : null
  }

  /** When it was started, in the kernel's ticks. */
  #startOf(pid: number): string | null {
    const text = this.#text(`${pid}/stat`)
    // The command in parentheses may contain anything; the 20th field after it is field 22.
    return text === null ? null : (text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null)
  }

  #text(path: string): string | null {
    try {
      return readFileSync(`${this.#proc}/${path}`, "utf8")
    } catch {
      return null
    }
  }

  #list(path: string): ReadonlyArray<string> {
    try {
      return readdirSync(`${this.#proc}/${path}`)
    } catch {
      return []
    }
  }
}
