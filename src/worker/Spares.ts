import type { ForkServer } from "./ForkServer.ts"
import { SocketTransport } from "./SocketTransport.ts"
import type { Zygote } from "./Zygote.ts"

/** A worker that runs, has said its first `ready`, and waits to be told what to load. */
export interface SpareWorker {
  readonly zygote: Zygote
  /** The fork server's mark at the instant of its connection. */
  readonly since: number
  /** Its wire, open. */
  readonly transport: SocketTransport
  /** What it has said. */
  readonly said: ReadonlyArray<Uint8Array>
}

/** A worker that has nothing loaded says no more than its `ready`; one that says more is of no use. */
const MOST_SAID_BYTES = 4 * 1024
const NEWLINE = 0x0a

/**
 * Workers that are forked before anybody wants them, so that a cold start does not wait for `fork()` and the copying of
 * pages that follows it. They are of no function: what they load, and their limits, come with the function that takes them.
 *
 * `refill` makes up what is missing and is called when a start is over: making a spare competes with no start, and where
 * forking fails (EAGAIN) nothing is tried again before the next one. They end with their fork server.
 */
export class Spares {
  readonly #forkServer: Pick<ForkServer, "current">
  readonly #most: number
  readonly #startupMs: number
  readonly #ready = new Set<SpareWorker>()
  /** Those that have not said their `ready` yet. */
  readonly #making = new Set<SocketTransport>()
  #closed = false

  /** Keeps `most` of them; one that is silent for `startupMs` is given up. */
  constructor(forkServer: Pick<ForkServer, "current">, most: number, startupMs: number) {
    this.#forkServer = forkServer
    this.#most = most
    this.#startupMs = startupMs
  }

  /** So many can be taken. */
  get count(): number {
    return this.#ready.size
  }

  /** One of them, or null: then a worker has to be forked. */
  take(): SpareWorker | null {
    const current = this.#forkServer.current
    for (const spare of this.#ready) {
      this.#ready.delete(spare)
      // A fork server that was replaced is ended as soon as it has no workers that are somebody's.
      if (spare.zygote === current && !spare.zygote.ended && !spare.transport.closed) return spare
      spare.transport.close()
    }
    return null
  }

  /** Makes as many as are missing, while there is a fork server. */
  refill(): void {
    const zygote = this.#forkServer.current
    if (this.#closed || zygote === null) return
    for (let missing = this.#most - this.#ready.size - this.#making.size; missing > 0; missing -= 1)
      this.#make(zygote)
  }

  close(): void {
    this.#closed = true
    for (const { transport } of this.#ready) transport.close()
    for (const transport of this.#making) transport.close()
    this.#ready.clear()
    this.#making.clear()
  }

  #make(zygote: Zygote): void {
    const transport = new SocketTransport()
    const said: Array<Uint8Array> = []
    const spare: SpareWorker = { zygote, since: zygote.mark, transport, said }
    let bytes = 0
    const giveUp = (): void => {
      clearTimeout(bound)
      this.#making.delete(transport)
      this.#ready.delete(spare)
      transport.close()
    }
    const bound = setTimeout(giveUp, this.#startupMs)
    this.#making.add(transport)
    transport
      .open(
        { unix: zygote.address },
        {
          data: (chunk) => {
            bytes += chunk.length
            if (bytes > MOST_SAID_BYTES) return giveUp()
            // The bytes are the socket's, and good for this call only.
            said.push(Buffer.from(chunk))
            if (chunk.at(-1) !== NEWLINE || !this.#making.delete(transport)) return
            clearTimeout(bound)
            this.#ready.add(spare)
          },
          closed: giveUp
        }
      )
      .catch(giveUp)
  }
}
