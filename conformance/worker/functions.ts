/**
 * The functions that cases use, by the names of their files in `fixtures/functions/conformance` (or `--functions`), where a README
 * says exactly what each does. `js/`: those that only a worker of JavaScript functions needs.
 */
export const FUNCTION_NAMES = [
  "hello",
  "echo",
  "script",
  "named",
  "environment",
  "slow-load",
  "slow-load-logs",
  "invalid/syntax-error",
  "invalid/throws",
  "invalid/no-handler",
  "js/abort",
  "js/answers",
  "js/attribution",
  "js/both",
  "js/console",
  "js/fetch",
  "js/fetch-object",
  "js/never-loads",
  "js/request",
  "js/throws"
] as const

/** A function whose file is not there. */
export const ABSENT = "absent"

const known: ReadonlySet<string> = new Set([...FUNCTION_NAMES, ABSENT])

export const isFunctionName = (name: string): boolean => known.has(name)
