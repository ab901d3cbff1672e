/** The way to the host. The guest's outbox keeps what does not fit. */
export interface Transport {
  /** Takes as many of the bytes as fit now and returns how many that were; 0 when full. */
  readonly write: (bytes: Uint8Array) => number
  /** Whether everything that was taken has left the process. */
  readonly settled: () => boolean
}

export interface TransportEvents {
  readonly data: (chunk: Uint8Array) => void
  /** There is room again. */
  readonly drain: () => void
  /** The host is gone. */
  readonly closed: () => void
}
