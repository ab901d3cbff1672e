import type { Processes } from "./Suite.ts"
import type { Transcript } from "./Transcript.ts"

/** What a case needs of its target. What is missing makes the case not applicable, with the need as the reason. */
export interface Needs {
  /** Features that a worker announces in `ready`. */
  readonly features?: ReadonlyArray<string>
  /** The target runs functions in JavaScript. */
  readonly javascript?: boolean
  /** The worker protocol's version: `1.1` is not asked of 1.0 workers. */
  readonly protocol?: "1.0" | "1.1"
  /** What the user lets the suite do to a server: start and kill it (`own`), give it scripted workers (`scripted-worker`), … */
  readonly traits?: ReadonlyArray<string>
}

/** What a case is given besides its target. */
export interface CaseContext extends Processes {
  /** Aborted when the case's time is over, and by Ctrl-C. Everything that waits has to heed it. */
  readonly signal: AbortSignal
  /** For everything random: the run's seed and the case's id make it. */
  readonly seed: number
  /** Takes what went over the wire; shown when the case fails. */
  readonly transcript: Transcript
  /** A folder of the case's own, removed when it is over. */
  readonly folder: string
  /** Counts runs of properties for the report. */
  readonly ranProperties: (count: number) => void
  /** A figure, or what became of a fault, in words: the report has it also where the case passes. */
  readonly observe: (what: string) => void
}

/**
 * One case: passes when `run` resolves. A `CaseFailure` says what was expected and observed, a `SetUpFailed` what was missing
 * before; anything else that is thrown is a failure too.
 */
export interface Case<Target> {
  /** Unique in its suite, lower case, by area: `worker/invoke/answers-once`. */
  readonly id: string
  readonly title: string
  /** The requirements that it checks; at least one. Each has to be in the specification. */
  readonly requirements: ReadonlyArray<string>
  /** Where it is written: `conformance/worker/cases/invoke.yaml:12`. */
  readonly source: string
  readonly needs: Needs
  /** Its bound, in milliseconds. */
  readonly timeoutMs: number
  /** It may not run beside others: it loads the machine, or disturbs a shared server. */
  readonly alone: boolean
  /** It does nothing but wait, for long: it runs beside the others from the beginning, and takes no place of theirs. */
  readonly waits?: boolean
  readonly run: (target: Target, context: CaseContext) => Promise<void>
}

/** What a case saw that it should not have seen. */
export class CaseFailure extends Error {
  override readonly name = "CaseFailure"
  readonly expected: unknown
  readonly observed: unknown
  /** The requirements that are violated, where it is known; else all of the case's are taken as failed. */
  readonly requirements: ReadonlyArray<string> | undefined
  /** Nothing was violated that could be seen: the time was over before the case had seen what it wanted to see. */
  readonly isLate: boolean

  constructor(
    message: string,
    more: {
      readonly expected?: unknown
      readonly observed?: unknown
      readonly requirements?: ReadonlyArray<string>
      readonly isLate?: boolean
    } = {}
  ) {
    super(message)
    this.expected = more.expected
    this.observed = more.observed
    this.requirements = more.requirements
    this.isLate = more.isLate ?? false
  }
}

/**
 * What a case needs first was not to be had: a registration or a deployment that was refused, say. Nothing was seen of what the
 * case is about, which fails nevertheless.
 */
export class SetUpFailed extends Error {
  override readonly name = "SetUpFailed"
  /** What was answered instead. */
  readonly observed: unknown

  constructor(message: string, observed?: unknown) {
    super(message)
    this.observed = observed
  }
}
