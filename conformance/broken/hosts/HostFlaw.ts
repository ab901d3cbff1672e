/** A message of either side; what else stands beside its fields is kept. */
export interface Message {
  readonly id: string
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly [other: string]: unknown
}

/** A line of a worker, without its newline. */
export interface Line {
  readonly bytes: Buffer
  /** Null where it is no message. */
  readonly message: Message | null
}

/** What stands between the right host and one worker. */
export interface Wire {
  /** Those of all workers that the host has, this one included. */
  readonly all: ReadonlySet<Wire>
  /** Invocations that the host has sent and that are not answered, by their ids for the host, the oldest first. */
  readonly inFlight: ReadonlyMap<string, Message>
  readonly toHost: (message: Message) => void
  readonly toWorker: (message: Message) => void
  /** Ends the worker: for the host it has crashed. */
  readonly discard: () => void
  /** Ends this wire's worker; the other wire's serves this one from now on, and for the other it has ended. */
  readonly takeOver: (other: Wire) => void
}

/** One thing that a broken host does wrong: what it puts between a host that is right and its workers. */
export interface HostFlaw {
  /** Bytes of a worker as they came; null: they are dropped. */
  readonly read?: (bytes: Buffer, wire: Wire) => Buffer | null
  /** A line of a worker: what the host hears instead. */
  readonly heard?: (line: Line, wire: Wire) => ReadonlyArray<Line | Message>
  /** A line of a worker that is longer than any may be is dropped. */
  readonly dropsLongLines?: true
  /** A message of the host: what the worker is sent instead. */
  readonly said?: (message: Message, wire: Wire) => ReadonlyArray<Message>
  /** Bytes of a worker's stderr, which are passed on as they are. */
  readonly noted?: (bytes: Buffer, wire: Wire) => void
  /** A worker's process has ended, and the host has not heard of it yet. */
  readonly workerEnded?: (wire: Wire) => void
  /** The host has ended a worker: whether its process goes on nevertheless. */
  readonly keeps?: (wire: Wire) => boolean
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The message of a line; null where it is none. A payload that is no object is one that is empty. */
export const messageOf = (bytes: Uint8Array): Message | null => {
  try {
    const value: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    )
    if (!isObject(value)) return null
    const { id, payload, type } = value
    if (typeof id !== "string" || typeof type !== "string") return null
    return { ...value, id, type, payload: isObject(payload) ? payload : {} }
  } catch {
    return null
  }
}

/** The same with other values in its payload. */
export const withPayload = (message: Message, payload: Readonly<Record<string, unknown>>): Message => ({
  ...message,
  payload: { ...message.payload, ...payload }
})
