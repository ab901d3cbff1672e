import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const file = fileURLToPath(new URL("../../native/quickjs-ng/wpt-expectations.json", import.meta.url))

interface Expectations {
  /** How many cases each data file had when it was looked at last: for the line that says what was not run. */
  readonly dataCases: Readonly<Record<string, number>>
  /** Data file → case → why the QuickJS-NG worker deviates there. */
  readonly data: Readonly<Record<string, Readonly<Record<string, string>>>>
  /**
   * Test file → test's name → why it fails on the QuickJS-NG worker. A `*` in a name stands for any text; each of
   * the tests that fit has to fail.
   */
  readonly files: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export const expectations = JSON.parse(readFileSync(file, "utf8")) as Expectations

/** What a run found that the expectations do not say. */
export interface Surprise {
  readonly test: string
  /** A failure's message; empty for a deviation that is none any more. */
  readonly message: string
}

const fits = (known: string): ((name: string) => boolean) => {
  if (!known.includes("*")) return (name) => name === known
  const parts = known.split("*").map((part) => RegExp.escape(part))
  const pattern = new RegExp(`^${parts.join("[^]*")}$`)
  return (name) => pattern.test(name)
}

/** Compares one file's results with what is known of it. */
export const surprises = (
  known: Readonly<Record<string, string>>,
  results: ReadonlyArray<{ readonly name: string; readonly passed: boolean; readonly message: string }>
): ReadonlyArray<Surprise> => {
  const found: Array<Surprise> = []
  const expected = new Set<string>()
  for (const key of Object.keys(known)) {
    const fitting = results.filter(({ name }) => fits(key)(name))
    if (fitting.length === 0) found.push({ test: key, message: "no test fits" })
    for (const { name, passed } of fitting) {
      expected.add(name)
      if (passed) found.push({ test: name, message: "" })
    }
  }
  for (const { name, passed, message } of results) {
    if (!passed && !expected.has(name)) found.push({ test: name, message: message || "failed" })
  }
  return found
}
