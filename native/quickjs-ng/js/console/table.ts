import { isObject } from "../webidl/isObject.ts"
import { inspect } from "./inspect.ts"

const MAX_ROWS = 1_000
const MAX_COLUMNS = 100

const cell = (value: unknown): string =>
  typeof value === "string" ? value : inspect(value, { depth: 0 }).replaceAll("\n", " ")

/** The rows of a value: index and, per column, the text. */
const rowsOf = (data: object): Array<readonly [string, unknown]> => {
  if (data instanceof Map) {
    return [...(Map.prototype.entries.call(data) as Iterable<readonly [unknown, unknown]>)].map(
      ([key, value]) => [typeof key === "string" ? key : cell(key), value] as const
    )
  }
  if (data instanceof Set) {
    return [...(Set.prototype.values.call(data) as Iterable<unknown>)].map(
      (value, at) => [`${at}`, value] as const
    )
  }
  return Object.entries(data)
}

const isRow = (value: unknown): value is object => isObject(value) && typeof value !== "function"

/** `console.table`: a frame of lines, one row per element, one column per key of the elements. */
export const table = (data: object, only?: ReadonlyArray<string>): string => {
  const rows = rowsOf(data).slice(0, MAX_ROWS)
  const columns = new Set<string>(only)
  let plain = false
  for (const [, value] of rows) {
    if (!isRow(value)) plain = true
    else if (only === undefined) for (const key of Object.keys(value)) columns.add(key)
  }
  const shown = [...columns].slice(0, MAX_COLUMNS)
  const head = ["", ...shown, ...(plain ? ["Values"] : [])]
  const body = rows.map(([index, value]) => [
    index,
    ...shown.map((key) =>
      isRow(value) && Object.hasOwn(value, key) ? cell((value as Record<string, unknown>)[key]) : ""
    ),
    ...(plain ? [isRow(value) ? "" : cell(value)] : [])
  ])
  const widths = head.map(
    (title, at) => Math.max(title.length, ...body.map((row) => (row[at] as string).length)) + 2
  )
  const line = (left: string, middle: string, right: string): string =>
    left + widths.map((width) => "─".repeat(width)).join(middle) + right
  const text = (cells: ReadonlyArray<string>): string =>
    `│${cells.map((one, at) => ` ${one}`.padEnd(widths[at] as number)).join("│")}│`
  return [line("┌", "┬", "┐"), text(head), line("├", "┼", "┤"), ...body.map(text), line("└", "┴", "┘")].join(
    "\n"
  )
}
