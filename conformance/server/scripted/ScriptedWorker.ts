/** A line that the host sent. */
export interface HostLine {
  readonly id: string
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** What a script is given. Messages without a handler are answered as a good worker would. */
export interface ScriptedWorker {
  readonly pid: number
  /** What the host started it with. */
  readonly args: ReadonlyArray<string>
  readonly send: (id: string, type: string, payload: object) => void
  /** Bytes of any kind. */
  readonly raw: (data: string | Uint8Array) => void
  readonly log: (id: string, message: string) => void
  /** Says that the bundle is loaded; done by itself where the script does not return `silent`. */
  readonly ready: (payload?: object) => void
  readonly respond: (id: string, text: string, status?: number) => void
  readonly on: (type: string, handler: (message: HostLine) => void) => void
  /** From now on, and with all that came before, each line of the host is put into this file. */
  readonly journal: (path: string) => void
  readonly note: (what: string) => void
  readonly exit: (code: number) => void
  /** How often this was called for the file, by all workers together. */
  readonly count: (path: string) => number
}

/** What a journal has of one line. */
export interface JournalEntry {
  readonly at: number
  readonly pid: number
  readonly message?: HostLine
  readonly note?: string
  readonly torn?: string
}

/**
 * A bundle that makes the scripted worker do this. The function is sent as text: it sees nothing but its two arguments.
 */
export const scriptBundle = <Args>(
  script: (worker: ScriptedWorker, args: Args) => unknown,
  args: Args
): string =>
  `export const script = (worker) => (${script.toString()})(worker, ${JSON.stringify(args)});\nexport default () => new Response("never called");\n`
