/** What goes between a broken host and the programs that its server takes for workers: frames of these codes. */
export const FromHost = { start: 0, bytes: 1, end: 2, signal: 3 } as const
export const ToHost = { bytes: 0, stderr: 1, stdout: 2, ended: 3 } as const

/** In the environment of functions on a server that broken hosts share: the socket of the one that it belongs to. */
export const HOST_VARIABLE = "BROKEN_HOST"

/** How the server started the worker. */
export interface WorkerStart {
  readonly args: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
  readonly folder: string
}

/** How a worker's process has ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}
