import type { CaseResult, RequirementResult, RunResult } from "../model/Result.ts"

/** A requirement, with what each run says of it. */
export interface MergedRequirement {
  readonly requirement: RequirementResult
  /** By run, in their order; null where the run did not answer for it. */
  readonly results: ReadonlyArray<RequirementResult | null>
  /** The cases of any run that name it, each with its result by run. */
  readonly cases: ReadonlyArray<MergedCase>
}

export interface MergedCase {
  readonly id: string
  readonly title: string
  readonly results: ReadonlyArray<CaseResult | null>
}

/** Runs side by side; each has a heading of its own, also where two have the same name. */
export interface Merged {
  readonly headings: ReadonlyArray<string>
  readonly runs: ReadonlyArray<RunResult>
  /** By area, then by id. */
  readonly requirements: ReadonlyArray<MergedRequirement>
}

export const mergeRuns = (runs: ReadonlyArray<RunResult>): Merged => {
  const casesOf = runs.map(({ cases }) => new Map(cases.map((one) => [one.id, one])))
  const requirementsOf = runs.map(({ requirements }) => new Map(requirements.map((one) => [one.id, one])))
  const first = new Map<string, RequirementResult>()
  for (const { requirements } of runs) {
    for (const one of requirements) if (!first.has(one.id)) first.set(one.id, one)
  }
  const inOrder = [...first.values()].toSorted((a, b) => compare(a.area, b.area) || compare(a.id, b.id))
  return {
    headings: headingsOf(runs),
    runs,
    requirements: inOrder.map((requirement) => {
      const results = requirementsOf.map((of) => of.get(requirement.id) ?? null)
      const ids = [...new Set(results.flatMap((result) => result?.cases ?? []))].toSorted(compare)
      return {
        requirement,
        results,
        cases: ids.map((id) => {
          const ofRuns = casesOf.map((of) => of.get(id) ?? null)
          return { id, title: ofRuns.find((one) => one !== null)?.title ?? id, results: ofRuns }
        })
      }
    })
  }
}

const headingsOf = (runs: ReadonlyArray<RunResult>): ReadonlyArray<string> => {
  const taken = new Map<string, number>()
  return runs.map(({ target }) => {
    const count = (taken.get(target) ?? 0) + 1
    taken.set(target, count)
    return count === 1 ? target : `${target} (${count})`
  })
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
