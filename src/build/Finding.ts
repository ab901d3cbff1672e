import { isBuiltin } from "node:module"
import type { Runtime } from "../domain/FunctionSpec.ts"

/** One thing that is wrong with code: what, and where. Lines and columns are 1-based. */
export interface Finding {
  readonly file: string
  readonly line?: number
  readonly column?: number
  readonly message: string
}

/** More findings than this are counted, not shown. */
const SHOWN = 25

/**
 * The fields of a `DeploymentFailed` for several findings: the place is the first one's, and where there is more than one
 * the reason has a line for each.
 */
export const listed = (findings: ReadonlyArray<Finding>) => {
  const sorted = [...findings].sort(byPlace)
  const first = sorted[0]
  if (first === undefined) return { reason: "no reason was given" }
  const place = {
    file: first.file,
    ...(first.line === undefined ? {} : { line: first.line }),
    ...(first.column === undefined ? {} : { column: first.column })
  }
  const rest = sorted.slice(1, SHOWN).map((finding) => `${placeOf(finding)}${finding.message}`)
  if (sorted.length > SHOWN) rest.push(`… and ${sorted.length - SHOWN} more`)
  return { ...place, reason: [first.message, ...rest].join("\n") }
}

const byPlace = (a: Finding, b: Finding): number =>
  a.file === b.file
    ? (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0) || 0
    : a.file < b.file
      ? -1
      : 1

const placeOf = ({ file, line, column }: Finding): string =>
  `${file}${line === undefined ? "" : `:${line}`}${column === undefined ? "" : `:${column}`}: `

/** Whether code may import this without having it in its bundle. Nothing, on QuickJS-NG. */
export const isRuntimeModule = (specifier: string, runtime: Runtime): boolean =>
  runtime === "bun" && isBuiltin(specifier)

/** The words for an import that is not in the bundle. */
export const refusedImport = (specifier: string, runtime: Runtime): string =>
  runtime === "bun"
    ? `"${specifier}" is imported but not part of the bundle; only Bun's built-in modules (bun:*, node:*) may be left out`
    : isBuiltin(specifier)
      ? `"${specifier}" is a module of Bun and Node.js, which QuickJS-NG does not have; use Web APIs instead`
      : `"${specifier}" is imported but not part of the bundle; QuickJS-NG has no modules of its own`

/**
 * Where a name is imported, for the cases in which the bundler does not say. A text search, so a comment that quotes the
 * same import may be taken for it: good enough for a message, never for a decision.
 */
export const locateImport = (code: string, specifier: string): { line?: number; column?: number } => {
  const name = specifier.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
  const match = new RegExp(
    `(?:\\bfrom|\\bimport|\\brequire|\\bresolve)\\s*\\(?\\s*(?=(["'\`])${name}\\1)`
  ).exec(code)
  if (match === null) return {}
  const offset = match.index + match[0].length
  const lineStart = code.lastIndexOf("\n", offset - 1) + 1
  return { line: code.slice(0, offset).split("\n").length, column: offset - lineStart + 1 }
}
