import { CaseFileErrors } from "./data/Mistakes.ts"
import type { Case } from "./model/Case.ts"
import type { Level, Requirement, Role } from "./model/Requirement.ts"
import { didYouMean } from "./nearest.ts"

/** What the user chose: a case is run where each list that is not empty has it. */
export interface Filters {
  /** Case ids or requirement ids; `*` stands for anything, `?` for one character. */
  readonly ids: ReadonlyArray<string>
  /** Areas of the specification (`worker-protocol`, or its ids' letters `WP`), or of cases (`invoke`). */
  readonly areas: ReadonlyArray<string>
  readonly levels: ReadonlyArray<Level>
}

export const everything: Filters = { ids: [], areas: [], levels: [] }

type AnyCase = Pick<Case<never>, "id" | "requirements" | "source">

export interface Selection<C extends AnyCase> {
  readonly cases: ReadonlyArray<C>
  /** Those that the run answers for. */
  readonly requirements: ReadonlyArray<Requirement>
}

/** A filter names what there is not: exit code 2. A line per filter. */
export class UnknownNames extends Error {
  override readonly name = "UnknownNames"
  readonly lines: ReadonlyArray<string>

  constructor(lines: ReadonlyArray<string>) {
    super(lines.join("\n"))
    this.lines = lines
  }
}

/**
 * What is run, and for which requirements the run answers: those that the filters name, and those that the chosen cases check.
 * Without filters all of the suite's roles.
 */
export const select = <C extends AnyCase>(
  cases: ReadonlyArray<C>,
  known: ReadonlyMap<string, Requirement>,
  roles: ReadonlyArray<Role>,
  filters: Filters
): Selection<C> => {
  const all = [...known.values()]
  const ours = all.filter((requirement) => requirement.roles.some((role) => roles.includes(role)))
  const ids = filters.ids.map((text) => ({ text, matches: globOf(text) }))
  const areas = filters.areas.map((area) => area.toLowerCase())
  refuseMalformed(cases, known, roles)
  refuseUnknown(ids, filters.areas, cases, ours, all)

  const fits = (one: AnyCase | null, requirement: Requirement): boolean =>
    (ids.length === 0 ||
      ids.some(({ matches }) => matches(requirement.id) || (one !== null && matches(one.id)))) &&
    (areas.length === 0 ||
      areas.some((area) => areasOf(requirement).includes(area) || (one !== null && areaOf(one) === area))) &&
    (filters.levels.length === 0 || filters.levels.includes(requirement.level))

  const fitting = (one: AnyCase): ReadonlyArray<Requirement> =>
    one.requirements.flatMap((id) => {
      const requirement = known.get(id)
      return requirement !== undefined && fits(one, requirement) ? [requirement] : []
    })
  const chosen = cases.filter((one) => fitting(one).length > 0)
  const checked = new Set(chosen.flatMap((one) => fitting(one).map(({ id }) => id)))
  return {
    cases: chosen,
    requirements: ours.filter((requirement) => checked.has(requirement.id) || fits(null, requirement))
  }
}

/** Files are checked when they are loaded; this finds the same mistakes in cases that are code. */
const refuseMalformed = (
  cases: ReadonlyArray<AnyCase>,
  known: ReadonlyMap<string, Requirement>,
  roles: ReadonlyArray<Role>
): void => {
  const seen = new Map<string, string>()
  const lines = cases.flatMap(({ id, requirements, source }) => {
    const first = seen.get(id)
    seen.set(id, source)
    return [
      ...(first === undefined ? [] : [`${source}: the id ${id} is taken by ${first}`]),
      ...(requirements.length > 0 ? [] : [`${source}: ${id} checks no requirement`]),
      ...requirements
        .filter((one) => !known.has(one))
        .map((one) => `${source}: ${id}: there is no requirement ${one} in the specification`),
      ...requirements
        .flatMap((one) => known.get(one) ?? [])
        .filter((one) => !one.roles.some((role) => roles.includes(role)))
        .map(
          (one) => `${source}: ${id}: ${one.id} binds ${one.roles.join(" and ")}, and is not in this suite`
        )
    ]
  })
  if (lines.length > 0) throw new CaseFileErrors(lines)
}

const refuseUnknown = (
  ids: ReadonlyArray<{ readonly text: string; readonly matches: (id: string) => boolean }>,
  areas: ReadonlyArray<string>,
  cases: ReadonlyArray<AnyCase>,
  ours: ReadonlyArray<Requirement>,
  all: ReadonlyArray<Requirement>
): void => {
  const caseIds = cases.map(({ id }) => id)
  const ourIds = ours.map(({ id }) => id)
  const lines = ids.flatMap(({ text, matches }) => {
    if (caseIds.some(matches) || ourIds.some(matches)) return []
    const elsewhere = all.find(({ id }) => matches(id))
    if (elsewhere !== undefined) {
      return [
        `--id ${text}: ${elsewhere.id} binds ${elsewhere.roles.join(" and ")}, and is not in this suite`
      ]
    }
    const what = /[*?]/.test(text)
      ? "no case and no requirement is like that"
      : "there is no such case or requirement"
    return [`--id ${text}: ${what}${didYouMean(text, [...caseIds, ...ourIds])}`]
  })
  const knownAreas = [...new Set([...ours.map(({ area }) => area), ...cases.map(areaOf)])].toSorted()
  const fitting = new Set([...ours.flatMap(areasOf), ...cases.map(areaOf)])
  for (const area of areas) {
    if (fitting.has(area.toLowerCase())) continue
    lines.push(
      `--area ${area}: there is no such area${didYouMean(area, knownAreas, `; there are ${knownAreas.join(", ")}`)}`
    )
  }
  if (lines.length > 0) throw new UnknownNames(lines)
}

/** The second word of its id: `worker/invoke/answers-once` is in `invoke`. */
const areaOf = ({ id }: AnyCase): string => id.split("/")[1] ?? ""

const areasOf = ({ area, id }: Requirement): ReadonlyArray<string> => [
  area,
  (id.split("-")[0] ?? "").toLowerCase()
]

const globOf = (glob: string): ((id: string) => boolean) => {
  const source = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".")
  const pattern = new RegExp(`^${source}$`, "i")
  return (id) => pattern.test(id)
}
