import type { MonotonicClock } from "../domain/MonotonicClock.ts"
import { SocketTransport } from "./SocketTransport.ts"
import type { WorkerBody } from "./WorkerConversation.ts"

/** A process that runs, has said its first `ready`, and waits to be told what to load. */
export interface SpareProcess<Body extends WorkerBody> {
  readonly body: Body
  /** Its wire, open. */
  readonly transport: SocketTransport
  /** What it has said. */
  readonly said: ReadonlyArray<Uint8Array>
}

export interface SpareProcessesOptions<Body extends WorkerBody> {
  /** Starts a process that loads nothing by itself. Throws where none can be started. */
  readonly start: () => Body
  /** Whether a process that lives can still become a worker. */
  readonly usable: (body: Body) => boolean
  /** The end of what a process that has ended printed; empty: nothing. */
  readonly lastWords: (body: Body) => Promise<string>
  readonly most: number
  /** One that is silent for so long is given up. */
  readonly startupMs: number
  readonly clock: MonotonicClock["Type"]
  /** No worker is starting: a spare competes with no start. */
  readonly quiet: () => boolean
  readonly say: (level: "info" | "warn", message: string) => void
}

/** A worker that has nothing loaded says no more than its `ready`; one that says more is of no use. */
const MOST_SAID_BYTES = 4 * 1024
const NEWLINE = 0x0a
/** Between one spare and the next: whoever waits for the processor goes first. */
export const SPARE_PAUSE_MS = 10
const FIRST_BACKOFF_MS = 100
const MOST_BACKOFF_MS = 30_000
/** One that has lived so long was not lost because of how it is started. */
const STEADY_MS = 10_000
/** A killed process that the kernel does not let go of is not waited for longer. */
const REAP_BOUND_MS = 5_000

/**
 * Processes that are started before anybody wants them, so that a cold start does not wait for a runtime to boot. They are
 * of no function: what they load comes with the function that takes them, and each is taken once.
 *
 * `refill` makes up what is missing, one after another, while no worker starts; its owner calls it whenever a start is over.
 * Where one cannot be started, or is lost before it is taken, the next one comes with back-off: at most one try is under way,
 * and none is waited for.
 */
export class SpareProcesses<Body extends WorkerBody> {
  readonly #options: SpareProcessesOptions<Body>
  readonly #ready = new Set<SpareProcess<Body>>()
  /** The one that has not said its `ready` yet. */
  #making: SpareProcess<Body> | null = null
  readonly #ending = new Set<Promise<void>>()
  #failures = 0
  /** None is made before this instant. */
  #notBefore = Number.NEGATIVE_INFINITY
  /** Whether it was said that there is none; once for each time that they fail. */
  #toldLost = false
  #closed = false

  constructor(options: SpareProcessesOptions<Body>) {
    this.#options = options
  }

  /** So many can be taken. */
  get count(): number {
    return this.#ready.size
  }

  /** The one that waits longest, or null: then a process has to be started. Whatever becomes of it is the taker's business. */
  take(): SpareProcess<Body> | null {
    for (const spare of this.#ready) {
      this.#ready.delete(spare)
      if (!spare.body.isGone() && !spare.transport.closed && this.#options.usable(spare.body)) {
        this.#failures = 0
        return spare
      }
      this.#end(spare)
    }
    return null
  }

  /** Makes the next one if one is missing, and may be made now. */
  refill(): void {
    const { clock, most, quiet } = this.#options
    if (this.#closed || this.#making !== null || this.#ready.size >= most) return
    if (clock.now() >= this.#notBefore && quiet()) this.#make()
  }

  /** Ends them all; nothing of them is left when this resolves. */
  async close(): Promise<void> {
    this.#closed = true
    for (const spare of this.#ready) this.#end(spare)
    this.#ready.clear()
    if (this.#making !== null) this.#end(this.#making)
    this.#making = null
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const bound = setTimeout(resolve, REAP_BOUND_MS)
    await Promise.race([Promise.all(this.#ending), late])
    clearTimeout(bound)
  }

  #make(): void {
    const { clock, start, startupMs } = this.#options
    let body: Body
    try {
      body = start()
    } catch (cause) {
      return this.#lost(`could not be started: ${messageOf(cause)}`, clock.now(), null)
    }
    const since = clock.now()
    const transport = new SocketTransport()
    const said: Array<Uint8Array> = []
    const spare: SpareProcess<Body> = { body, transport, said }
    let bytes = 0
    const lose = (reason: string): void => {
      disarm()
      if (this.#making === spare) this.#making = null
      // Taken, or ended here: it is nobody's loss.
      else if (!this.#ready.delete(spare)) return
      this.#end(spare)
      this.#lost(reason, since, body)
    }
    const disarm = clock.after(startupMs, () => lose(`was not ready within ${startupMs} ms`))
    this.#making = spare
    void body.gone.then(({ reason }) => lose(reason))
    body
      .open(transport, {
        data: (chunk) => {
          bytes += chunk.length
          if (bytes > MOST_SAID_BYTES) return lose("said more than that it is ready")
          // The bytes are the socket's, and good for this call only.
          said.push(Buffer.from(chunk))
          if (chunk.at(-1) !== NEWLINE || this.#making !== spare) return
          disarm()
          this.#made(spare)
        },
        // If it is just ending, its exit code says more than we could.
        closed: () => kill(body)
      })
      .catch((cause: unknown) => lose(`has no wire: ${messageOf(cause)}`))
  }

  #made(spare: SpareProcess<Body>): void {
    const { clock, say } = this.#options
    this.#making = null
    this.#ready.add(spare)
    if (this.#toldLost) say("info", "there is a spare worker again")
    this.#toldLost = false
    clock.after(SPARE_PAUSE_MS, () => this.refill())
  }

  #lost(reason: string, since: number, body: Body | null): void {
    if (this.#closed) return
    const { clock, lastWords, say } = this.#options
    if (clock.now() - since >= STEADY_MS) this.#failures = 0
    this.#failures += 1
    const wait = Math.min(FIRST_BACKOFF_MS * 2 ** (this.#failures - 1), MOST_BACKOFF_MS)
    this.#notBefore = clock.now() + wait
    clock.after(wait, () => this.refill())
    if (this.#toldLost) return
    this.#toldLost = true
    const tell = (words: string): void =>
      say(
        "warn",
        `a spare worker ${reason}; until there is another one, workers are started one by one, which takes longer` +
          (words === "" ? "" : `; it printed: ${words}`)
      )
    if (body === null) tell("")
    else lastWords(body).then(tell, () => tell(""))
  }

  #end({ body, transport }: SpareProcess<Body>): void {
    kill(body)
    transport.close()
    const over = body.gone.then(() => body.discard())
    this.#ending.add(over)
    void over.then(() => this.#ending.delete(over))
  }
}

/** The number of a process that was reaped may be another's. */
const kill = (body: WorkerBody): void => {
  if (!body.isGone()) body.signal("SIGKILL")
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
