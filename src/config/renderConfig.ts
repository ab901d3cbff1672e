import { showOrigin } from "./ConfigInvalid.ts"
import { serverOptions } from "./OptionTable.ts"
import { writtenValue, type ResolvedConfig } from "./resolveConfig.ts"

/**
 * The options in force and where each came from, for `bunbase config`: a table for people, or JSON for machines. A secret is
 * shown as "(set)" or "(not set)", never itself.
 */
export const renderConfig = (config: ResolvedConfig, format: "table" | "json"): string => {
  const rows = serverOptions.map((option) => {
    const value = writtenValue(option, config.options)
    const hidden = value === null ? "(not set)" : "(set)"
    return {
      option,
      value: option.isSecret ? hidden : value,
      origin: config.origins[option.key]
    }
  })
  if (format === "json") {
    const entries = rows.map(({ option, origin, value }) => [
      option.name,
      { value, source: origin.source, ...(origin.source === "default" ? {} : { from: origin.name }) }
    ])
    return JSON.stringify(Object.fromEntries(entries), null, 2)
  }
  const cells = [
    ["OPTION", "VALUE", "FROM"],
    ...rows.map(({ option, origin, value }) => [option.name, String(value), showOrigin(origin)])
  ]
  const widths = [0, 1].map((column) => Math.max(...cells.map((row) => (row[column] ?? "").length)))
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}
