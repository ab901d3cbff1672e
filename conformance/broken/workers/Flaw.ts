import type { Worker } from "./base.ts"

/** A message as it stands on a line. */
export interface Message {
  readonly id: string
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** What is in a message that has not been looked at. */
export type Fields = Readonly<Record<string, unknown>>

export interface Invocation {
  readonly id: string
  readonly payload: Fields
  readonly controller: AbortController
  cancelled: boolean
  begun: boolean
}

/** What the handler is given, before a `Request` is made of it. */
export interface Seen {
  readonly method: string
  readonly origin: string
  /** Path and query. */
  readonly target: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Uint8Array | null
}

/** What the handler has answered, before a `response` is made of it. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly body: Uint8Array
}

export type Handler = (request: Request) => unknown
export type Module = Readonly<Record<string, unknown>>

/** What can be set otherwise. */
export interface Settings {
  /** Of a line of the host, in bytes. */
  longestLine: number
  /** Of an answer, in bytes. */
  longestBody: number
  longestAnswer: number
  features: ReadonlyArray<string>
  /** What a relative path begins at. */
  folder: string
  /** What nobody caught is logged; else it is the end. */
  catches: boolean
  /** What the function prints is logged. */
  keepsPrints: boolean
}

/** Hands something on: called once by those who do no harm. */
export type Next<A> = (value: A) => void
type Through<A> = (value: A, next: Next<A>, worker: Worker) => void

/** One thing that a broken worker does wrong: what it puts between a worker that is right, and its host or its function. */
export interface Flaw {
  readonly settings?: Partial<Settings>
  /** Once, before anything else. */
  readonly begins?: (worker: Worker) => void
  /** The bundle's path, as it was given. */
  readonly bundle?: (path: string) => string
  /** What is read from the host, as it came. */
  readonly reads?: Through<Uint8Array>
  /** A line of the host's, without its newline. */
  readonly line?: Through<Uint8Array>
  /** A line of the host's as text; null: it is passed over. */
  readonly decodes?: (line: Uint8Array) => string | null
  /** What the host's line holds, whatever that is. */
  readonly parsed?: Through<unknown>
  /** A message of the host's. */
  readonly hears?: Through<Message>
  /** The host has ended stdin. */
  readonly hangsUp?: (next: () => void, worker: Worker) => void
  /** The environment that the function sees, once it is as it should be; `original` is the process's own. */
  readonly environment?: (env: NodeJS.ProcessEnv, original: Fields) => void
  /** The handler of a bundle, and its name; undefined: it has none. */
  readonly chooses?: (module: Module, name: string) => readonly [Handler, string] | undefined
  /** What the handler is given. */
  readonly shows?: (seen: Seen, invocation: Invocation) => Seen
  /** An invocation may begin. */
  readonly starts?: Through<Invocation>
  /** The handler's own value, before it is looked at. */
  readonly gives?: (value: unknown) => unknown
  readonly answers?: (answer: Answer) => Answer
  /** A message of the worker's. */
  readonly says?: Through<Message>
  /** A line of the worker's, with its newline. */
  readonly writes?: Through<string | Uint8Array>
  /** The process is to end. */
  readonly exits?: Through<number>
}
