import type { TranscriptLine } from "./Transcript.ts"

export type Verdict =
  | { readonly _tag: "Passed" }
  | {
      readonly _tag: "Failed"
      readonly message: string
      readonly expected?: string
      readonly observed?: string
      readonly transcript: ReadonlyArray<TranscriptLine>
    }
  /** The target is not bound by what the case checks; never for a prerequisite that is missing: that is a failure. */
  | { readonly _tag: "NotApplicable"; readonly reason: string }

export interface CaseResult {
  readonly id: string
  readonly title: string
  readonly requirements: ReadonlyArray<string>
  readonly source: string
  readonly verdict: Verdict
  readonly durationMs: number
  /** Runs of its properties; 0 for a plain case. */
  readonly propertyRuns: number
}

/** One run of the suite against one target: what `--json` writes, and what reports are made of. */
export interface RunResult {
  readonly suite: "worker" | "server" | "faults"
  /** What was tested, as a column's heading: `bun`, `quickjs-ng`, `server`. */
  readonly target: string
  readonly command: string
  readonly startedAt: string
  readonly durationMs: number
  readonly seed: number
  /** What the target said about itself: protocol, runtime, version, features. */
  readonly about: Readonly<Record<string, unknown>>
  readonly cases: ReadonlyArray<CaseResult>
}
