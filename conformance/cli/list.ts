import type { Requirement } from "../model/Requirement.ts"
import { areasOf } from "../report/counts.ts"
import { type Filters, select } from "../Selection.ts"
import type { AnySuite } from "../Suites.ts"

/** The chosen requirements by area, each with the cases that check it, and the faults that are about it. */
export const listing = (
  known: ReadonlyMap<string, Requirement>,
  suites: ReadonlyArray<AnySuite>,
  filters: Filters
): string => {
  const all = suites.flatMap(({ cases }) => cases)
  const { cases, requirements } = select(all, known, ["worker", "host", "server"], filters)
  const isFault = new Set(
    suites.filter(({ name }) => name === "faults").flatMap((suite) => suite.cases.map(({ id }) => id))
  )
  // faults are played when they are asked for: what they alone are about is not checked by the suites
  const checking = cases.filter(({ id }) => !isFault.has(id))
  const lines = areasOf(requirements).flatMap((area) => [
    area,
    ...requirements.filter((one) => one.area === area).flatMap((one) => requirementLines(one, cases)),
    ""
  ])
  const without = requirements.filter(({ id }) => !checking.some((one) => one.requirements.includes(id)))
  const musts = requirements.filter(({ level }) => level === "MUST").length
  const untested = without.filter(({ level }) => level === "MUST").length
  return [
    ...lines,
    `${requirements.length} requirements, ${musts} of them MUST; ${checking.length} cases` +
      (checking.length === cases.length ? "" : `, ${cases.length - checking.length} faults`),
    `without a case: ${without.length}, ${untested} of them MUST`,
    ""
  ].join("\n")
}

const requirementLines = (
  { id, level, roles, text, title }: Requirement,
  cases: ReadonlyArray<AnySuite["cases"][number]>
): ReadonlyArray<string> => {
  const own = cases.filter(({ requirements }) => requirements.includes(id))
  return [
    `  ${id}  ${level.padEnd(6)}  ${title}  (${roles.join(", ")})`,
    `      ${text}`,
    ...(own.length === 0 ? ["      no case checks it"] : own.map((one) => `      ${one.id}  ${one.source}`))
  ]
}
