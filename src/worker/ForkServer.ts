import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import { PROTOCOL_FD_VARIABLE } from "../protocol/worker/Wire.ts"
import { readSideOutput } from "./SideOutput.ts"
import type { SocketFolder, SocketPlace } from "./SocketFolder.ts"
import { SocketTransport } from "./SocketTransport.ts"
import { Zygote } from "./Zygote.ts"

export interface ForkServerOptions {
  /** Program and arguments of the runtime, without what makes it a fork server. */
  readonly command: ReadonlyArray<string>
  readonly sockets: SocketFolder
  /** Within so long it must listen. */
  readonly startupMs: number
  /** Between asking it to end and killing it. */
  readonly killGraceMs: number
  readonly clock: MonotonicClock["Type"]
  readonly say: (level: "info" | "warn" | "error", message: string) => void
  /** It listens: at its first start, and whenever it is back. */
  readonly up?: () => void
}

interface Running {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">
  readonly zygote: Zygote
  readonly place: SocketPlace
  readonly control: SocketTransport
  readonly since: number
  /** The process has ended and everything of it is cleared up. */
  readonly over: Promise<void>
}

type State =
  /** There is none, and none is started before the instant. */
  | { readonly _tag: "Down"; readonly until: number }
  | { readonly _tag: "Starting"; readonly zygote: Promise<Zygote | null> }
  | { readonly _tag: "Up"; readonly running: Running }
  | { readonly _tag: "Closed" }

const FIRST_BACKOFF_MS = 100
const MOST_BACKOFF_MS = 30_000
/** One that has lived so long did not fail because of how it is started. */
const STEADY_MS = 10_000
/** Workers in a row that never said a word before it is taken for stuck. */
const MOST_SILENT = 2

/**
 * The one fork server of a runtime: a process with engine and library loaded, from which workers are forked. It is started
 * when it is first wanted, and again, with back-off, when it dies; its workers die with it. While it cannot be had, workers
 * have to be started the long way.
 */
export class ForkServer {
  readonly #options: ForkServerOptions
  #state: State = { _tag: "Down", until: Number.NEGATIVE_INFINITY }
  #failures = 0
  #silent = 0
  /** Whether it was said that workers are started without it; once for each time that it is away. */
  #toldAway = false
  /** Replaced because they answered nobody; each is ended when its last worker has. */
  readonly #leaving = new Set<Running>()

  constructor(options: ForkServerOptions) {
    this.#options = options
  }

  /** The fork server, started if need be; null while it cannot be had. Never rejects. */
  async zygote(): Promise<Zygote | null> {
    const state = this.#state
    switch (state._tag) {
      case "Up":
        return state.running.zygote
      case "Starting":
        return await state.zygote
      case "Closed":
        return null
      case "Down":
        return this.#options.clock.now() < state.until ? null : await this.#start()
    }
  }

  /** The fork server that runs; null while there is none. */
  get current(): Zygote | null {
    return this.#state._tag === "Up" ? this.#state.running.zygote : null
  }

  /** A connection to it got no word: after a few of these in a row another one takes its place. */
  unheard(zygote: Zygote): void {
    const state = this.#state
    if (state._tag !== "Up" || state.running.zygote !== zygote) return
    this.#silent += 1
    if (this.#silent < MOST_SILENT) return
    this.#options.say("error", "the fork server answers nobody; another one takes its place")
    const { running } = state
    this.#leaving.add(running)
    zygote.onIdle(() => running.child.kill("SIGKILL"))
    if (zygote.live === 0) running.child.kill("SIGKILL")
    this.#state = { _tag: "Down", until: Number.NEGATIVE_INFINITY }
    void this.zygote()
  }

  /** A worker of it runs. */
  heard(): void {
    this.#silent = 0
  }

  /** Ends it, and with it whatever it has forked. Nothing of it is left when this resolves. */
  async close(): Promise<void> {
    const state = this.#state
    this.#state = { _tag: "Closed" }
    if (state._tag === "Starting") await state.zygote
    const all = [...this.#leaving]
    if (state._tag === "Up") all.push(state.running)
    await Promise.all(all.map((running) => this.#finish(running)))
  }

  async #finish({ child, control, over }: Running): Promise<void> {
    control.write(`${JSON.stringify({ id: "", type: "shutdown", payload: {} })}\n`)
    const late = setTimeout(() => child.kill("SIGKILL"), this.#options.killGraceMs)
    await over
    clearTimeout(late)
  }

  #start(): Promise<Zygote | null> {
    const zygote = this.#spawn().then(
      (running) => {
        if (this.#state._tag === "Closed") return this.#finish(running).then(() => null)
        // It may have died between its first word and now; then its end has been worked through already.
        if (running.zygote.ended) {
          this.#away("ended as soon as it had started")
          return null
        }
        this.#state = { _tag: "Up", running }
        this.#silent = 0
        if (this.#toldAway) this.#options.say("info", "the fork server is back")
        this.#toldAway = false
        this.#options.up?.()
        return running.zygote
      },
      (cause: unknown) => {
        this.#away(cause instanceof Error ? cause.message : String(cause))
        return null
      }
    )
    this.#state = { _tag: "Starting", zygote }
    return zygote
  }

  /** It could not be started, or has died. */
  #away(reason: string): void {
    if (this.#state._tag === "Closed") return
    const { clock, say } = this.#options
    this.#failures += 1
    const wait = Math.min(FIRST_BACKOFF_MS * 2 ** (this.#failures - 1), MOST_BACKOFF_MS)
    this.#state = { _tag: "Down", until: clock.now() + wait }
    if (!this.#toldAway) {
      say(
        "error",
        `the fork server ${reason}; until it is back, workers are started one by one, which takes longer`
      )
    }
    this.#toldAway = true
    clock.after(wait, () => void this.zygote())
  }

  async #spawn(): Promise<Running> {
    const { clock, command, say, sockets, startupMs } = this.#options
    const place = sockets.place("fork")
    const child = Bun.spawn({
      cmd: [...command, "--zygote", "--listen", place.listen],
      cwd: sockets.path,
      env: {
        LANG: "C.UTF-8",
        TZ: process.env["TZ"] ?? "UTC",
        [PROTOCOL_FD_VARIABLE]: "3",
        BUNBASE_HOST_PID: String(process.pid)
      },
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "socket-fd"]
    })
    const listening = Promise.withResolvers<void>()
    // It may end before anybody waits for this: where its control channel cannot be opened.
    listening.promise.catch(() => {})
    const zygote = new Zygote(place.connect, {
      ready: ({ features }) =>
        features?.includes("fork") === true
          ? listening.resolve()
          : listening.reject(new Error("is no fork server: it cannot fork")),
      failed: ({ message }) => listening.reject(new Error(`could not start: ${message}`)),
      log: ({ level, message }) => say(level === "debug" ? "info" : level, `fork server: ${message}`)
    })
    const line = (text: string): void => say("warn", `fork server: ${text}`)
    for (const stream of [child.stdout, child.stderr]) {
      readSideOutput(stream, clock, line).catch((cause: unknown) => line(`cannot be read: ${String(cause)}`))
    }
    const control = new SocketTransport()
    const over = child.exited.then(() => {
      control.close()
      place.remove()
    })
    const running: Running = { child, zygote, place, control, since: clock.now(), over }
    void over.then(() => {
      const reason =
        child.signalCode === null ? `exited with code ${child.exitCode}` : `was ended by ${child.signalCode}`
      listening.reject(new Error(reason))
      zygote.end()
      this.#leaving.delete(running)
      const state = this.#state
      if (state._tag !== "Up" || state.running !== running) return
      if (clock.now() - running.since >= STEADY_MS) this.#failures = 0
      this.#away(reason)
    })
    const bound = setTimeout(
      () => listening.reject(new Error(`did not listen within ${startupMs} ms`)),
      startupMs
    )
    try {
      await control.open(
        { fd: child.stdio[3] as number },
        {
          data: (chunk) => zygote.receive(chunk),
          // A fork server without its control channel is of no use.
          closed: () => child.kill("SIGKILL")
        }
      )
      await listening.promise
      return running
    } catch (cause) {
      child.kill("SIGKILL")
      await over
      throw cause
    } finally {
      clearTimeout(bound)
    }
  }
}
