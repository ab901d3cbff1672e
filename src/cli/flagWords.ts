import { serverOptions } from "../config/OptionTable.ts"

/**
 * The server speaks of its options by their names in a file; at the command line they are flags. Parts of paths and what
 * stands in quotes are left alone.
 */
export const withFlags = (text: string): string =>
  text.replaceAll(/(?<![\w"'/.-])[a-z]+(?:_[a-z]+)+(?![\w"'/]|\.\w)/g, (word) => flagByName.get(word) ?? word)
const flagByName: ReadonlyMap<string, string> = new Map([
  ...serverOptions.flatMap(({ flag, name }) => (flag === null ? [] : [[name, `--${flag}`] as const])),
  ["timeout_seconds", "--timeout-seconds"],
  ["expose_errors", "--expose-errors"]
])

/** A field of a registration or of a call, as the flag or argument that sets it. */
export const fieldLabel = (field: string): string => {
  const [first = "", ...rest] = field.split(".")
  if (first === "name") return "NAME"
  if (first === "capabilities") return "--profile"
  if (first === "env" && rest.length > 0) return `--env ${rest.join(".")}`
  if (first === "headers" && rest.length > 0) return `--header ${rest.join(".")}`
  return flagByName.get(field) ?? (PLAIN_FLAGS.has(field) ? `--${field}` : field)
}
const PLAIN_FLAGS: ReadonlySet<string> = new Set([
  "runtime",
  "handler",
  "env",
  "version",
  "method",
  "path",
  "isolation",
  "snapshot"
])
