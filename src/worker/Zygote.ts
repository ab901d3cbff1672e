import { decodeForkMessage, type ForkMessage } from "../protocol/worker/ForkControl.ts"
import { LineDecoder } from "../protocol/worker/LineDecoder.ts"
import type { ErrorPayload, LogPayload, ReadyPayload } from "../protocol/worker/Wire.ts"

/** How a forked worker ended. */
export interface ForkedEnd {
  readonly code: number | null
  readonly signal: string | null
  /** The most memory it had, in KiB; null where that is not known. */
  readonly maxRssKb: number | null
}

/** What a fork server says besides the ends of its workers. */
export interface ZygoteEvents {
  readonly ready: (payload: ReadyPayload) => void
  /** It could not load its bundle. */
  readonly failed: (error: ErrorPayload) => void
  readonly log: (payload: LogPayload) => void
}

interface Unclaimed {
  readonly pid: number
  readonly end: ForkedEnd
  readonly serial: number
}

/** No message of a fork server is longer, but for the words of an error or of a log line. */
const LONGEST_LINE_BYTES = 1024 * 1024
/** Ends of workers that have not said their process id yet; of more, the oldest are forgotten. */
const MOST_UNCLAIMED = 1_000

/**
 * One fork server as its host sees it: workers are connections to its socket, and their ends are told on its control
 * channel. It knows no process itself: bytes come in by `receive`, and its owner says when it has ended.
 */
export class Zygote {
  /** Where workers are to be had by connecting. */
  readonly address: string
  readonly #events: ZygoteEvents
  readonly #decoder: LineDecoder
  readonly #claims = new Map<number, (end: ForkedEnd | null) => void>()
  readonly #unclaimed: Array<Unclaimed> = []
  readonly #watchers = new Set<() => void>()
  readonly #refused = new Set<(errno: string | null) => void>()
  #serial = 0
  #refusal: { readonly errno: string; readonly serial: number } | null = null
  #ended = false

  constructor(address: string, events: ZygoteEvents) {
    this.address = address
    this.#events = events
    this.#decoder = new LineDecoder(LONGEST_LINE_BYTES, {
      line: (bytes) => {
        const message = decodeForkMessage(bytes)
        if (message !== null && !this.#ended) this.#take(message)
      },
      oversize: () => {}
    })
  }

  /** It is gone, and its workers with it. */
  get ended(): boolean {
    return this.#ended
  }

  /** Workers that have said their process id and have not ended. */
  get live(): number {
    return this.#claims.size
  }

  /** The instant of a connection, as far as ends and refusals are concerned: what was told before is not about it. */
  get mark(): number {
    return this.#serial
  }

  /** Bytes of the control channel, however cut. */
  receive(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
  }

  /**
   * Calls `settle` once with the end of the worker `pid` that was connected to after `since`; with null when the fork server
   * is gone, and the worker with it. Its end may have been told before the worker's own first words were read.
   */
  claim(pid: number, since: number, settle: (end: ForkedEnd | null) => void): void {
    const at = this.#unclaimed.findIndex((one) => one.pid === pid && one.serial > since)
    const [told] = at === -1 ? [] : this.#unclaimed.splice(at, 1)
    if (told !== undefined) return settle(told.end)
    if (this.#ended) return settle(null)
    this.#claims.set(pid, settle)
  }

  /**
   * Why a connection made after `since` got no worker: the error's name, e.g. `EAGAIN`. It may be told after the connection
   * was closed; null when it is not told within `boundMs`, or the fork server is gone.
   */
  refusal(since: number, boundMs: number): Promise<string | null> {
    if (this.#refusal !== null && this.#refusal.serial > since) return Promise.resolve(this.#refusal.errno)
    if (this.#ended) return Promise.resolve(null)
    const { promise, resolve } = Promise.withResolvers<string | null>()
    const bound = setTimeout(() => told(null), boundMs)
    const told = (errno: string | null): void => {
      clearTimeout(bound)
      this.#refused.delete(told)
      resolve(errno)
    }
    this.#refused.add(told)
    return promise
  }

  /** Calls `idle` whenever the last live worker has ended, and when the fork server has. */
  onIdle(idle: () => void): void {
    this.#watchers.add(idle)
  }

  /** The fork server's process has ended, or cannot be trusted with anything any more. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    const claims = [...this.#claims.values()]
    this.#claims.clear()
    this.#unclaimed.length = 0
    for (const settle of claims) settle(null)
    for (const told of [...this.#refused]) told(null)
    this.#tellIdle()
  }

  #take(message: ForkMessage): void {
    switch (message.type) {
      case "ready":
        return this.#events.ready(message.payload)
      case "error":
        return this.#events.failed(message.payload)
      case "log":
        return this.#events.log(message.payload)
      case "fork_failed":
        this.#refusal = { errno: message.payload.errno, serial: (this.#serial += 1) }
        for (const told of [...this.#refused]) told(message.payload.errno)
        return
      case "exited": {
        const { code, max_rss_kb, pid, signal } = message.payload
        const end: ForkedEnd = { code, signal, maxRssKb: max_rss_kb ?? null }
        this.#serial += 1
        const settle = this.#claims.get(pid)
        if (settle === undefined) {
          this.#unclaimed.push({ pid, end, serial: this.#serial })
          if (this.#unclaimed.length > MOST_UNCLAIMED) this.#unclaimed.shift()
          return
        }
        this.#claims.delete(pid)
        settle(end)
        if (this.#claims.size === 0) this.#tellIdle()
      }
    }
  }

  #tellIdle(): void {
    for (const idle of [...this.#watchers]) idle()
  }
}
