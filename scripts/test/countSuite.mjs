// What one suite's run counts for in the sum that scripts/test.mjs prints.

/** Set by every CI service, and by .ci/run; "false" and "0" are ways to say no. */
export const isCi = (env) => !["", "0", "false"].includes(env.CI ?? "")

/**
 * Counts a suite from vitest's JSON result, or from its absence (`result` undefined). Anything wrong that no single test
 * stands for is one failure more.
 *
 * `status` is vitest's exit status or the signal that ended it. With `filtered` (arguments for vitest were given) a suite
 * may hold no test that ran. With `strict` (CI) and without a filter, skipped tests and those left to do count as failed:
 * nobody looks at a note there.
 */
export const countSuite = (result, { status, tookTooLong, minutes, filtered, strict }) => {
  if (result === undefined) {
    const why = tookTooLong
      ? `ended after ${minutes} minutes`
      : `vitest ended with ${status} and left no result`
    return { passed: 0, failed: 1, skipped: 0, notes: [why] }
  }
  const notes = []
  let failed = result.numFailedTests
  // a file that could not even be loaded has no failed test in it
  for (const file of result.testResults) {
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) {
      failed += 1
      notes.push(`${file.name} could not be run`)
    }
  }
  const skipped = (result.numPendingTests ?? 0) + (result.numTodoTests ?? 0)
  const nothingRan = result.numPassedTests + failed === 0
  if (nothingRan && filtered) notes.push("no test matches")
  else if (failed === 0 && (status !== 0 || nothingRan)) {
    failed = 1
    notes.push(
      nothingRan ? "its files hold no test that ran" : `an error outside the tests (status ${status})`
    )
  }
  if (skipped > 0 && !filtered) {
    if (strict) failed += skipped
    notes.push(`${skipped} skipped: ${strict ? "counted as failed" : "they prove nothing"}`)
  }
  return { passed: result.numPassedTests, failed, skipped, notes }
}

/** The sum over suites. */
export const sum = (rows) => {
  const total = (key) => rows.reduce((all, row) => all + row[key], 0)
  return { passed: total("passed"), failed: total("failed") }
}
