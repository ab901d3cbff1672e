import type { Benchmark, Measurement, Unit } from "./Benchmark.ts"
import type { Verdict } from "./Verdict.ts"

/** Requests that failed while a benchmark ran, those that counted for no figure included. */
export interface Failures {
  readonly count: number
  /** What the first of them was. */
  readonly first: string | null
}

/** One benchmark's outcome. `verdict` is null where nothing is judged, `broken` says why there is no measurement. */
export type Row = { readonly benchmark: Benchmark; readonly failures: Failures } & (
  { readonly measurement: Measurement; readonly verdict: Verdict | null } | { readonly broken: string }
)

const HEADINGS = ["ID", "promise", "measured", "to raw", "at least", "aim", "verdict", "samples (raw)"]

/** The table as people read it, and under it what stands behind each row. */
export const renderTable = (rows: ReadonlyArray<Row>): string => {
  const lines = [HEADINGS, ...rows.map(cellsOf)]
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)))
  const table = lines.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join("  ")
      .trimEnd()
  )
  return [...table, "", ...rows.flatMap(detailsOf)].join("\n")
}

const cellsOf = (row: Row): ReadonlyArray<string> => {
  const { benchmark } = row
  const { aim, atLeast, id, promise, unit } = benchmark
  const bounds = [figuresText(unit, atLeast, bound), figuresText(unit, aim, bound)]
  if ("broken" in row) return [id, promise, "–", "–", ...bounds, "BROKEN", "–"]
  const { figures, ratio, samples } = row.measurement
  return [
    id,
    promise,
    figuresText(unit, figures, digits),
    Number.isNaN(ratio) ? "–" : `${ratio.toFixed(2)}×`,
    ...bounds,
    row.failures.count > 0 ? "FAILURES" : (row.verdict ?? "not judged"),
    `${samples.ours.toLocaleString("en")} (${samples.raw.toLocaleString("en")})`
  ]
}

const detailsOf = (row: Row): ReadonlyArray<string> => {
  const { benchmark, failures } = row
  const lines: Array<string> = []
  if ("broken" in row) lines.push(`broken: ${row.broken}`)
  else {
    const { details, rounds } = row.measurement
    lines.push(...details)
    if (rounds.length > 1)
      lines.push(`by round: ${rounds.map((one) => roundText(benchmark, one)).join(", ")}`)
  }
  if (failures.count > 0)
    lines.push(`${failures.count.toLocaleString("en")} failed; the first: ${failures.first}`)
  return lines.map((line) => `${benchmark.id}  ${line}`)
}

const roundText = ({ unit }: Benchmark, figures: Readonly<Record<string, number>>): string =>
  Object.values(figures)
    .map((value) => digits(unit, value))
    .join(" / ")

/** `0.45`, `38.1 µs`, `14.2 / 19.0 ms`. */
const figuresText = (
  unit: Unit,
  figures: Readonly<Record<string, number | undefined>>,
  write: (unit: Unit, value: number) => string
): string => {
  const entries = Object.entries(figures).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value }]
  )
  const text = entries.map(({ value }) => write(unit, value)).join(" / ")
  return unit === "share" || text === "" ? text : `${text} ${unit}`
}

const digits = (unit: Unit, value: number): string =>
  Number.isNaN(value) ? "–" : value.toFixed(unit === "share" ? 3 : unit === "µs" ? 1 : 2)
const bound = (_unit: Unit, value: number): string => String(value)
