import type { LoadGenerator } from "./load/LoadGenerator.ts"
import type { RawServer } from "./subjects/RawServer.ts"
import type { Subject } from "./subjects/Subject.ts"

/** `share`: of what raw does, more is better. `µs`, `ms`: time, `MB`: memory, less is better. */
export type Unit = "share" | "µs" | "ms" | "MB"

export type PromiseId = "S-1" | "S-2" | "S-3" | "S-4" | "S-5" | "S-6" | "S-7" | "S-8" | "S-9" | "S-6b"

/**
 * One promise and how it is measured. `Name` names its figures where there is more than one (`p50`, `p95`).
 * The numbers of `atLeast` and `aim` are those of the table of promises in docs/performance.md.
 */
export interface Benchmark<Name extends string = string> {
  readonly id: PromiseId
  readonly promise: string
  readonly unit: Unit
  readonly atLeast: Readonly<Record<Name, number>>
  /** Not every figure has one. */
  readonly aim: Readonly<Partial<Record<Name, number>>>
  /** Whether `--gate` fails the run when the promise is missed. */
  readonly gated: boolean
  readonly run: (context: BenchmarkContext) => Promise<Measurement<Name>>
}

export interface BenchmarkContext {
  readonly effort: Effort
  /** For everything random in a benchmark. */
  readonly seed: number
  readonly startLoad: () => LoadGenerator
  /** The server under test, with these flags. */
  readonly startSubject: (flags?: ReadonlyArray<string>) => Promise<Subject>
  readonly startRaw: (answer: "hello" | "echo") => Promise<RawServer>
  /** Tells a person who waits how far it is. */
  readonly progress: (what: string) => void
}

/** How much is measured. A round is raw, ours, ours, raw, or the reverse. */
export interface Effort {
  readonly rounds: number
  /** Of load on one side before its figures count, and of load whose figures count. */
  readonly warmUpSeconds: number
  readonly windowSeconds: number
  /** Requests on one connection: before they count, and those that count, each time one side has its turn. */
  readonly warmUpRequests: number
  readonly windowRequests: number
  /** Cold starts and large bodies over all rounds, at least. */
  readonly coldStarts: number
  readonly largeBodies: number
  /** Workers that are warm while their memory is measured, and QuickJS-NG workers that are warm all at once. */
  readonly warmWorkers: number
  readonly crowd: number
}

export interface Measurement<Name extends string = string> {
  /** The median over the rounds, in the promise's unit. */
  readonly figures: Readonly<Record<Name, number>>
  /** The same, round by round. */
  readonly rounds: ReadonlyArray<Readonly<Record<Name, number>>>
  /** Ours by raw, of the same quantity. */
  readonly ratio: number
  readonly samples: { readonly ours: number; readonly raw: number }
  /** What stands behind the figures, a sentence each. */
  readonly details: ReadonlyArray<string>
}
