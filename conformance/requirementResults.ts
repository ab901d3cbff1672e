import type { Case } from "./model/Case.ts"
import type { Requirement } from "./model/Requirement.ts"
import type { CaseResult, RequirementResult } from "./model/Result.ts"
import { type TargetFacts, whyNotBound, whyOutOfReach } from "./model/Suite.ts"

/** What a run says of each requirement that it answers for. */
export const requirementResults = (
  requirements: ReadonlyArray<Requirement>,
  cases: ReadonlyArray<Pick<Case<never>, "id" | "requirements" | "needs">>,
  results: ReadonlyMap<string, CaseResult>,
  facts: TargetFacts
): ReadonlyArray<RequirementResult> => {
  const checking = new Map<string, Array<string>>()
  for (const { id, requirements: named } of cases) {
    // what a failure names may be more than what its case set out to check
    const verdict = results.get(id)?.verdict
    const violated = verdict?._tag === "Failed" ? (verdict.requirements ?? []) : []
    for (const requirement of new Set([...named, ...violated])) {
      checking.set(requirement, [...(checking.get(requirement) ?? []), id])
    }
  }
  const outOfReach = new Map(cases.map(({ id, needs }) => [id, whyOutOfReach(needs, facts)]))
  return requirements.map((requirement) => {
    const ids = checking.get(requirement.id) ?? []
    const { id, title, level, text, area, file, line } = requirement
    return {
      id,
      title,
      level,
      text,
      area,
      file,
      line,
      cases: ids,
      ...statusOf(requirement, ids, results, outOfReach, facts)
    }
  })
}

const statusOf = (
  requirement: Requirement,
  ids: ReadonlyArray<string>,
  results: ReadonlyMap<string, CaseResult>,
  outOfReach: ReadonlyMap<string, string | null>,
  facts: TargetFacts
): Pick<RequirementResult, "status" | "reason"> => {
  const why = whyNotBound(requirement, facts)
  if (why !== null) return { status: "not-applicable", reason: why }
  if (ids.length === 0) return { status: "untested", reason: "no case checks it" }
  const verdicts = ids.flatMap((id) => results.get(id)?.verdict ?? [])
  const failures = verdicts.filter((verdict) => verdict._tag === "Failed")
  if (failures.some((one) => one.requirements?.includes(requirement.id) ?? true)) return { status: "failed" }
  if (verdicts.some(({ _tag }) => _tag === "Passed")) return { status: "passed" }
  if (failures.length > 0) return { status: "untested", reason: "its case failed for another requirement" }
  if (verdicts.length < ids.length) return { status: "untested", reason: "its cases were not run" }
  // it binds the target, and yet no case is for it: that is never green by itself
  const toGive = ids.flatMap((id) => outOfReach.get(id) ?? [])
  if (toGive.length > 0) return { status: "unchecked", reason: [...new Set(toGive)].join("; ") }
  const reasons = verdicts.flatMap((verdict) => (verdict._tag === "NotApplicable" ? [verdict.reason] : []))
  return {
    status: "untested",
    reason: `no case of it is for this target: ${[...new Set(reasons)].join("; ")}`
  }
}
