import type { Requirement } from "./Requirement.ts"

/** What every suite gets from the command line. */
export interface SuiteOptions {
  /** The specification, by id: a case that names another one is refused at load. */
  readonly requirements: ReadonlyMap<string, Requirement>
  /** More case files (`--cases`), loaded beside the suite's own. */
  readonly caseFiles: ReadonlyArray<string>
  /** Runs of each property (`--property-runs`); null: as many as the property has by itself. */
  readonly propertyRuns: number | null
  /**
   * Multiplies every bound (`--timeout-factor`), for slow machines. The runner has applied it to a case's whole bound; suites
   * apply it to the waits inside.
   */
  readonly timeoutFactor: number
}

/** `bunbase conformance worker` */
export interface WorkerOptions extends SuiteOptions {
  /** The shell command that starts a worker, as the user wrote it. */
  readonly cmd: string
  readonly runtime: "bun" | "quickjs-ng" | "other"
  /** `--javascript`: it is held to what is about functions in JavaScript, as bun and quickjs-ng are without it. */
  readonly javascript?: boolean
  /** The folder of the fixture functions, absolute. */
  readonly functions: string
  /** Of the fixture functions' files, without the dot: `js`. */
  readonly extension: string
  /** The newest protocol version that is offered. */
  readonly protocol: "1.0" | "1.1"
  /** What the worker has to announce (`--features`); null where the user does not say. */
  readonly features: ReadonlyArray<string> | null
}

/** `bunbase conformance server`: `cmd`, or an address at least. */
export interface ServerOptions extends SuiteOptions {
  /** The shell command that starts a server, with `{data}`, `{socket}` and `{port}`; null where one is attached to. */
  readonly cmd: string | null
  /** Appended to `cmd` where workers of the suite's own are wanted, with `{worker}`; null: those cases are not for it. */
  readonly scriptedWorker: string | null
  /** A running server's address; null with `cmd`, or where it is reached by its socket alone. */
  readonly url: string | null
  readonly socket: string | null
  readonly apiKey: string | null
  /** Of a running server that faults may send signals to, it and what it has started; null where they may not. */
  readonly pid?: number | null
  /** The runtimes that it is tested with. */
  readonly runtimes: ReadonlyArray<string>
  /** The folder of the fixture functions, absolute. */
  readonly functions: string
}
