import {
  type CaseResult,
  departures,
  type RequirementResult,
  type RunResult,
  uncheckedMusts
} from "../model/Result.ts"
import { countCases } from "./counts.ts"
import { escape, escapeAttribute } from "./escape.ts"

/**
 * JUnit XML of one or several runs, a `testsuite` each. Cases that are not applicable are skipped, with the reason; a MUST that
 * no case has checked, and what went wrong beside the cases, are tests that failed. Cases that fail for SHOULDs and MAYs
 * alone are skipped too. With `--partial` a MUST that the flags kept
 * from being checked is skipped.
 */
export const junitReport = (runs: ReadonlyArray<RunResult>): string => {
  const suites = runs.map(suiteOf)
  const sum = (pick: (suite: SuiteXml) => number) => suites.reduce((total, suite) => total + pick(suite), 0)
  const attributes = attributesOf({
    name: "bunbase conformance",
    tests: sum(({ tests }) => tests),
    failures: sum(({ failures }) => failures),
    skipped: sum(({ skipped }) => skipped),
    errors: 0,
    time: seconds(sum(({ millis }) => millis))
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes}>\n${suites.map(({ xml }) => xml).join("")}</testsuites>\n`
}

interface SuiteXml {
  readonly tests: number
  readonly failures: number
  readonly skipped: number
  readonly millis: number
  readonly xml: string
}

const suiteOf = (run: RunResult): SuiteXml => {
  const counts = countCases(run)
  const untested = run.requirements.filter(({ level, status }) => level === "MUST" && status === "untested")
  const unchecked = uncheckedMusts(run)
  const left = run.partial === true ? unchecked.length : 0
  const more = untested.length + (unchecked.length - left) + run.problems.length + (run.interrupted ? 1 : 0)
  const departed = new Set(departures(run).map(({ id }) => id))
  const suite = {
    tests: counts.all + left + more,
    failures: counts.failed - departed.size + more,
    skipped: counts.notApplicable + departed.size + left
  }
  const attributes = attributesOf({
    name: `${run.suite} (${run.target})`,
    ...suite,
    errors: 0,
    time: seconds(run.durationMs),
    timestamp: run.startedAt.replace(/\.\d+Z$/, "")
  })
  const properties = { command: run.command, seed: String(run.seed), about: JSON.stringify(run.about) }
  return {
    ...suite,
    millis: run.durationMs,
    xml: [
      `  <testsuite${attributes}>\n    <properties>\n`,
      ...Object.entries(properties).map(
        ([name, value]) => `      <property${attributesOf({ name, value })}/>\n`
      ),
      "    </properties>\n",
      ...run.cases.map((result) => caseXml(run, result, departed.has(result.id))),
      ...untested.map((one) =>
        requirementXml(run, one, failureXml(`${one.id} is untested: ${one.reason ?? ""}`, one.text))
      ),
      ...unchecked.map((one) => requirementXml(run, one, uncheckedXml(run, one))),
      ...run.problems.map((problem) => problemXml(run, problem)),
      ...(run.interrupted ? [problemXml(run, "the run was interrupted")] : []),
      "  </testsuite>\n"
    ].join("")
  }
}

const caseXml = (run: RunResult, result: CaseResult, isDeparture: boolean): string => {
  const attributes = attributesOf({
    classname: `${run.target}.${result.id.split("/").slice(0, -1).join(".")}`,
    name: `${result.id}: ${result.title}`,
    time: seconds(result.durationMs)
  })
  const { verdict } = result
  switch (verdict._tag) {
    case "Passed":
      return `    <testcase${attributes}/>\n`
    case "NotApplicable":
      return `    <testcase${attributes}>\n      <skipped${attributesOf({ message: verdict.reason })}/>\n    </testcase>\n`
    case "Failed": {
      const [message = ""] = verdict.message.split("\n")
      if (isDeparture) {
        const why = `recommended, and done otherwise: ${message}`
        return `    <testcase${attributes}>\n      <skipped${attributesOf({ message: why })}/>\n    </testcase>\n`
      }
      const text = [
        `requirements: ${(verdict.requirements ?? result.requirements).join(", ")}`,
        `case: ${result.source}`,
        verdict.message,
        ...(verdict.expected === undefined ? [] : [`expected: ${verdict.expected}`]),
        ...(verdict.observed === undefined ? [] : [`observed: ${verdict.observed}`]),
        "",
        ...verdict.transcript.map(({ at, voice, text: said }) => `${at.toFixed(1)} ms ${voice}: ${said}`)
      ].join("\n")
      return `    <testcase${attributes}>\n${failureXml(message, text)}    </testcase>\n`
    }
  }
}

const requirementXml = (run: RunResult, { id, title }: RequirementResult, inside: string): string =>
  `    <testcase${attributesOf({ classname: `${run.target}.${run.suite}.requirements`, name: `${id}: ${title}`, time: "0" })}>\n${inside}    </testcase>\n`

const uncheckedXml = ({ partial }: RunResult, { id, text, reason = "" }: RequirementResult): string => {
  const message = `${id} was not checked here: ${reason}`
  return partial === true ? `      <skipped${attributesOf({ message })}/>\n` : failureXml(message, text)
}

const problemXml = (run: RunResult, problem: string): string =>
  `    <testcase${attributesOf({ classname: `${run.target}.${run.suite}.run`, name: "the run itself", time: "0" })}>\n${failureXml(problem, problem)}    </testcase>\n`

const failureXml = (message: string, text: string): string =>
  `      <failure${attributesOf({ message })}>${escape(text)}</failure>\n`

const attributesOf = (all: Readonly<Record<string, string | number>>): string =>
  Object.entries(all)
    .map(([name, value]) => ` ${name}="${escapeAttribute(String(value))}"`)
    .join("")

const seconds = (millis: number): string => (millis / 1000).toFixed(3)
