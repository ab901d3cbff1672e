import type { Benchmark, Measurement, Unit } from "./Benchmark.ts"

export type Verdict = "reached aim" | "reached" | "missed"

const meets = (unit: Unit, figure: number, bound: number): boolean =>
  unit === "share" ? figure >= bound : figure <= bound

/** A figure that could not be measured (NaN) meets nothing. */
export const verdictOf = (benchmark: Benchmark, { figures }: Pick<Measurement, "figures">): Verdict => {
  const allMeet = (bounds: Readonly<Record<string, number | undefined>>): boolean =>
    Object.entries(bounds).every(
      ([name, bound]) => bound === undefined || meets(benchmark.unit, figures[name] ?? Number.NaN, bound)
    )
  if (!allMeet(benchmark.atLeast)) return "missed"
  return allMeet(benchmark.aim) ? "reached aim" : "reached"
}
