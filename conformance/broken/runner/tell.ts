import type { BrokenFlags } from "../../cli/options.ts"
import type { Requirement } from "../../model/Requirement.ts"
import { didYouMean } from "../../nearest.ts"
import { showMillis } from "../../report/counts.ts"
import { UnknownNames } from "../../Selection.ts"
import type { BrokenResult } from "./runBroken.ts"
import { type BrokenTarget, uncovered } from "./table.ts"

/** The targets that `--kind`, `--only` and `--except` choose. Throws `UnknownNames`. */
export const chooseTargets = (
  table: ReadonlyArray<BrokenTarget>,
  { kind, left, names: only }: Pick<BrokenFlags, "kind" | "names" | "left">
): ReadonlyArray<BrokenTarget> => {
  const names = table.map(({ name }) => name)
  const unknown = (flag: string, given: ReadonlyArray<string>): ReadonlyArray<string> =>
    given.flatMap((name) =>
      names.includes(name) ? [] : [`${flag} ${name}: there is no such target${didYouMean(name, names)}`]
    )
  const lines = [...unknown("--only", only), ...unknown("--except", left)]
  if (lines.length > 0) throw new UnknownNames(lines)
  const chosen = table.filter(
    ({ kind: own, name }) =>
      (kind === null || own === kind) && (only.length === 0 || only.includes(name)) && !left.includes(name)
  )
  if (chosen.length === 0) throw new UnknownNames(["no target is like that"])
  return chosen
}

/** MUSTs without a broken target; with `--only` nobody asks. */
export const uncoveredLines = (
  table: ReadonlyArray<BrokenTarget>,
  requirements: ReadonlyMap<string, Requirement>,
  { kind, names: only }: Pick<BrokenFlags, "kind" | "names">
): ReadonlyArray<string> => {
  if (only.length > 0) return []
  return (["worker", "server"] as const).flatMap((one) => {
    if (kind !== null && kind !== one) return []
    const { all, missing } = uncovered(one, table, requirements)
    return missing.length === 0
      ? []
      : [`${missing.length} of ${all} MUSTs have no broken ${one}: ${missing.join(", ")}`]
  })
}

export const brokenLines = ({ cases, durationMs, faults, red, target }: BrokenResult): string => {
  const { name, source, turnsRed, violates } = target
  const seen = [...red].map(([id, what]) => `       ${id} by ${what}`)
  const ran = `${cases} ${cases === 1 ? "case" : "cases"}, ${showMillis(durationMs)}`
  if (faults.length === 0) {
    const lines = turnsRed.length === 0 ? [`green  ${name} (${ran})`] : [`red    ${name} (${ran})`, ...seen]
    return `${lines.join("\n")}\n`
  }
  return [
    `WRONG  ${name} (${ran})  ${source}`,
    `       ${violates}`,
    ...seen,
    ...faults.map((fault) => `       ${fault}`),
    ""
  ].join("\n")
}

export const brokenFigures = (
  results: ReadonlyArray<BrokenResult>,
  durationMs: number,
  seed: number
): string => {
  const sound = results.filter(({ target }) => target.turnsRed.length === 0).length
  const red = new Set(results.flatMap(({ target }) => target.turnsRed)).size
  const wrong = results.filter(({ faults }) => faults.length > 0).length
  return [
    `broken targets: ${results.length - sound}, for ${red} requirements; sound: ${sound}`,
    wrong === 0 ? "all are as the table says" : `not as the table says: ${wrong}`,
    showMillis(durationMs),
    `seed ${seed}`
  ].join("; ")
}
