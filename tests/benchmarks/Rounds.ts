import type { Measurement } from "./Benchmark.ts"
import { Histogram } from "./load/Histogram.ts"
import type { LoadReport } from "./load/LoadPlan.ts"

export type Side = "raw" | "ours"

/** What the turns of one round gave, or of several when they are pooled. */
export type Round = Readonly<Record<Side, ReadonlyArray<LoadReport>>>

/**
 * Gives the sides their turns: raw, ours, ours, raw, and the reverse in every second round. What drifts evenly (clock
 * speed, other load, a heap that grows) then weighs the same on both, and a ratio within one round is free of it.
 * One turn of each before the rounds does not count.
 */
export const interleave = async (
  count: number,
  turn: (side: Side) => Promise<LoadReport>,
  progress: (what: string) => void
): Promise<ReadonlyArray<Round>> => {
  progress("warming up")
  await turn("raw")
  await turn("ours")
  const rounds: Array<Round> = []
  for (let index = 0; index < count; index += 1) {
    progress(`round ${index + 1} of ${count}`)
    const round: Record<Side, Array<LoadReport>> = { raw: [], ours: [] }
    for (const side of orderOf(index)) round[side].push(await turn(side))
    rounds.push(round)
  }
  return rounds
}

export const orderOf = (round: number): ReadonlyArray<Side> =>
  round % 2 === 0 ? ["raw", "ours", "ours", "raw"] : ["ours", "raw", "raw", "ours"]

/** All rounds as one: for figures that need more samples than a round has. */
export const pooled = (rounds: ReadonlyArray<Round>): Round => ({
  raw: rounds.flatMap(({ raw }) => raw),
  ours: rounds.flatMap(({ ours }) => ours)
})

/** Requests per second over all turns of a side. */
export const throughput = (reports: ReadonlyArray<LoadReport>): number =>
  sum(reports.map(({ histogram }) => histogram.total)) / sum(reports.map(({ seconds }) => seconds))

/** A quantile in microseconds over all turns of a side. */
export const quantileMicros = (reports: ReadonlyArray<LoadReport>, share: number): number =>
  Histogram.merged(reports.map(({ histogram }) => histogram)).quantile(share) / 1000

/** One report of several that belong to one turn. */
export const together = (reports: ReadonlyArray<LoadReport>): LoadReport => {
  const seconds = sum(reports.map((report) => report.seconds))
  return {
    histogram: Histogram.merged(reports.map(({ histogram }) => histogram)),
    seconds,
    failures: sum(reports.map(({ failures }) => failures)),
    firstFailure: reports.find(({ firstFailure }) => firstFailure !== null)?.firstFailure ?? null,
    generatorCpu: sum(reports.map((report) => report.generatorCpu * report.seconds)) / seconds
  }
}

/** Medians over the rounds of what `look` sees in each. */
export const measure = <Name extends string>(
  rounds: ReadonlyArray<Round>,
  look: (round: Round) => { readonly figures: Readonly<Record<Name, number>>; readonly ratio: number },
  details: ReadonlyArray<string>
): Measurement<Name> => {
  const seen = rounds.map(look)
  const all = pooled(rounds)
  const samples = (side: Side): number => sum(all[side].map(({ histogram }) => histogram.total))
  const names = Object.keys(seen[0]?.figures ?? {}) as Array<Name>
  return {
    figures: Object.fromEntries(
      names.map((name) => [name, median(seen.map(({ figures }) => figures[name]))])
    ) as Record<Name, number>,
    rounds: seen.map(({ figures }) => figures),
    ratio: median(seen.map(({ ratio }) => ratio)),
    samples: { ours: samples("ours"), raw: samples("raw") },
    details
  }
}

/** NaN of nothing. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const [below, above] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return below === undefined || above === undefined ? Number.NaN : (below + above) / 2
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)
