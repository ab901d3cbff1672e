import type { RequirementResult, RequirementStatus, RunResult } from "../model/Result.ts"

export interface RequirementCounts extends Record<RequirementStatus, number> {
  readonly all: number
}

export const countRequirements = (requirements: ReadonlyArray<RequirementResult>): RequirementCounts => {
  const of = (wanted: RequirementStatus) => requirements.filter(({ status }) => status === wanted).length
  return {
    all: requirements.length,
    passed: of("passed"),
    failed: of("failed"),
    untested: of("untested"),
    unchecked: of("unchecked"),
    "not-applicable": of("not-applicable")
  }
}

export interface CaseCounts {
  readonly all: number
  readonly passed: number
  readonly failed: number
  readonly notApplicable: number
  readonly propertyRuns: number
}

export const countCases = ({ cases }: RunResult): CaseCounts => {
  const of = (tag: string) => cases.filter(({ verdict }) => verdict._tag === tag).length
  return {
    all: cases.length,
    passed: of("Passed"),
    failed: of("Failed"),
    notApplicable: of("NotApplicable"),
    propertyRuns: cases.reduce((sum, { propertyRuns }) => sum + propertyRuns, 0)
  }
}

/** The MUSTs that bind the target, and how many of them a case checked. */
export const countMusts = (run: RunResult): { readonly binding: number; readonly covered: number } => {
  const musts = run.requirements.filter(
    ({ level, status }) => level === "MUST" && status !== "not-applicable"
  )
  const covered = musts.filter(({ status }) => status === "passed" || status === "failed")
  return { binding: musts.length, covered: covered.length }
}

/** In the order in which they first come. */
export const areasOf = (requirements: ReadonlyArray<{ readonly area: string }>): ReadonlyArray<string> => [
  ...new Set(requirements.map(({ area }) => area))
]

/** `840 ms`, `2.1 s`. */
export const showMillis = (millis: number): string =>
  millis < 999.5 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

/** `1,234`. */
export const showCount = (count: number): string => count.toLocaleString("en-US")
