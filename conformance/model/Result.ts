import type { Level } from "./Requirement.ts"
import type { TranscriptLine } from "./Transcript.ts"

export type Verdict =
  | { readonly _tag: "Passed" }
  | {
      readonly _tag: "Failed"
      readonly message: string
      readonly expected?: string
      readonly observed?: string
      /** What is violated, where it is known: the case's other requirements have not failed, but are not shown to hold. */
      readonly requirements?: ReadonlyArray<string>
      /**
       * Where it is no expectation that failed: the case's own bound was over (`time`), what it needs first was refused
       * (`set-up`), or it threw what it did not mean to (`error`), which may be the suite's fault.
       */
      readonly cause?: "time" | "set-up" | "error"
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
  /** What it measured and saw, in words; absent where it says nothing. */
  readonly observed?: ReadonlyArray<string>
}

/**
 * What the run says of a requirement: `failed` where a case that names it failed, else `passed` where one passed. `untested`: it
 * binds the target, and no case has checked it: there is none, or none for such a target. `unchecked`: it binds the target, and
 * its cases need what the flags do not give the suite. `not-applicable`: it does not bind the target.
 */
export type RequirementStatus = "passed" | "failed" | "untested" | "unchecked" | "not-applicable"

export interface RequirementResult {
  readonly id: string
  readonly title: string
  readonly level: Level
  readonly text: string
  readonly area: string
  readonly file: string
  readonly line: number
  readonly status: RequirementStatus
  /** Why it is untested, unchecked or not applicable. */
  readonly reason?: string
  /** Ids of the cases of this run that name it. */
  readonly cases: ReadonlyArray<string>
}

/** One run of the suite against one target: what `--json` writes, and what reports are made of. */
export interface RunResult {
  /** Of this format; `report` refuses others. */
  readonly format: 1
  readonly suite: "worker" | "server" | "faults"
  /** What was tested, as a column's heading: `bun`, `quickjs-ng`, `server`. */
  readonly target: string
  readonly command: string
  readonly startedAt: string
  readonly durationMs: number
  readonly seed: number
  /** What the target said about itself: protocol, runtime, version, features. */
  readonly about: Readonly<Record<string, unknown>>
  /** Cases that were chosen; after Ctrl-C more than there are results. */
  readonly chosen: number
  /** Cases that the suite has. */
  readonly available: number
  /** It was not meant to check everything that binds the target (`--partial`, and faults): what is unchecked is no fault. */
  readonly partial?: boolean
  /** The run was ended early. */
  readonly interrupted: boolean
  /** What went wrong beside the cases, such as a target that could not be ended. Each makes the run fail. */
  readonly problems: ReadonlyArray<string>
  readonly cases: ReadonlyArray<CaseResult>
  /** Those of the suite's roles that were chosen, in the specification's order. */
  readonly requirements: ReadonlyArray<RequirementResult>
}

/** The MUSTs that the flags kept from being checked. */
export const uncheckedMusts = ({ requirements }: RunResult): ReadonlyArray<RequirementResult> =>
  requirements.filter(({ level, status }) => level === "MUST" && status === "unchecked")

/**
 * Failed cases that violate nothing but SHOULDs and MAYs: whoever does otherwise may have a reason (RFC 2119), so that they
 * are told, and do not make the run red.
 */
export const departures = ({ cases, requirements }: RunResult): ReadonlyArray<CaseResult> => {
  const advice = new Set(requirements.flatMap(({ id, level }) => (level === "MUST" ? [] : [id])))
  return cases.filter(({ requirements: named, verdict }) => {
    if (verdict._tag !== "Failed" || verdict.cause !== undefined) return false
    const violated = verdict.requirements ?? named
    return violated.length > 0 && violated.every((id) => advice.has(id))
  })
}

/** Why the run is not green, in words; empty where it is. */
export const faultsOf = (run: RunResult): ReadonlyArray<string> => {
  const failed = run.cases.filter(({ verdict }) => verdict._tag === "Failed").length - departures(run).length
  const untested = run.requirements.filter(({ level, status }) => level === "MUST" && status === "untested")
  const unchecked = run.partial === true ? 0 : uncheckedMusts(run).length
  return [
    ...(failed === 0 ? [] : [failed === 1 ? "1 case failed" : `${failed} cases failed`]),
    ...(untested.length === 0 ? [] : [`untested MUST: ${untested.map(({ id }) => id).join(", ")}`]),
    ...(unchecked === 0
      ? []
      : [
          `${unchecked === 1 ? "1 MUST was" : `${unchecked} MUSTs were`} not checked here (--partial where that is meant)`
        ]),
    ...run.problems,
    ...(run.interrupted ? ["the run was interrupted"] : [])
  ]
}
