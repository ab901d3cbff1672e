import { type CaseResult, departures, faultsOf, type RunResult, uncheckedMusts } from "../model/Result.ts"
import type { TranscriptLine } from "../model/Transcript.ts"
import { areasOf, countCases, countMusts, countRequirements, showCount, showMillis } from "./counts.ts"
import { repeatFlags } from "./repeat.ts"

/**
 * What the end of a run says on a terminal: what failed and how, then the figures, then the verdict. `quiet`: without the
 * heading and the table of areas.
 */
export const terminalReport = (
  run: RunResult,
  { color, quiet = false }: { readonly color: boolean; readonly quiet?: boolean }
): string => {
  const paint = painter(color)
  const head = [...headLines(run, paint), "", ...areaTable(run, paint), ""]
  return `${[
    ...run.cases.flatMap((result) => failureLines(result, paint)),
    ...(quiet ? [] : head),
    ...(quiet || run.suite !== "faults" ? [] : playedFaults(run, paint)),
    ...figures(run),
    ...untestedLines(run, paint),
    ...uncheckedLines(run, paint),
    ...verdictLines(run, paint)
  ].join("\n")}\n`
}

/** One failed case: what it saw, and the end of what went over the wire. */
export const failureLines = (result: CaseResult, paint: Paint): ReadonlyArray<string> => {
  const { verdict } = result
  if (verdict._tag !== "Failed") return []
  const violated = verdict.requirements ?? result.requirements
  const block = (name: string, text: string | undefined) =>
    text === undefined ? [] : [`  ${name}:`, ...text.split("\n").map((line) => `    ${line}`)]
  return [
    `${paint("red", "FAILED")} ${result.id}  ${violated.join(" ")}  ${paint("dim", result.source)}`,
    `  ${result.title}`,
    ...verdict.message
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`),
    ...block("expected", verdict.expected),
    ...block("observed", verdict.observed),
    ...transcriptLines(verdict.transcript, paint),
    ""
  ]
}

const MOST_LINES = 25
const LONGEST_TEXT = 240

const transcriptLines = (lines: ReadonlyArray<TranscriptLine>, paint: Paint): ReadonlyArray<string> => {
  if (lines.length === 0) return []
  const shown = lines.slice(-MOST_LINES)
  const cut = lines.length - shown.length
  return [
    `  transcript${cut === 0 ? "" : ` (its last ${shown.length} lines; all are in the HTML and JSON reports)`}:`,
    ...shown.map(({ at, voice, text }) => {
      const short = text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`
      return `    ${paint("dim", `${at.toFixed(1).padStart(8)} ms`)} ${voice.padEnd(6)} ${visible(short)}`
    })
  ]
}

/** What a target says must not reach the terminal as control characters. */
const visible = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)

/** Each fault: what was done, what is promised, and what was seen. */
const playedFaults = (run: RunResult, paint: Paint): ReadonlyArray<string> =>
  run.cases.flatMap(({ id, observed = [], requirements, title, verdict }) => {
    const mark = {
      Passed: paint("green", "as promised"),
      Failed: paint("red", "NOT AS PROMISED"),
      NotApplicable: paint("dim", "not played")
    }[verdict._tag]
    return [
      `${paint("bold", id.replace("faults/", ""))}: ${mark}  ${requirements.join(" ")}`,
      `  done:     ${title}`,
      ...counted(observed).map(
        (line) => `  ${visible(line.replace(/^(promised|observed): ?/, (name) => name.trim().padEnd(10)))}`
      ),
      ...(verdict._tag === "Failed" ? [`  but:      ${visible(verdict.message.split("\n")[0] ?? "")}`] : []),
      ...(verdict._tag === "NotApplicable" ? [`  because:  ${visible(verdict.reason)}`] : []),
      ""
    ]
  })

/** Lines that follow each other and are the same become one. */
const counted = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.flatMap((line, at) => {
    if (line === lines[at - 1]) return []
    const end = lines.findIndex((other, index) => index > at && other !== line)
    const times = (end === -1 ? lines.length : end) - at
    return [times === 1 ? line : `${line} (${times} times)`]
  })

const headLines = (run: RunResult, paint: Paint): ReadonlyArray<string> => {
  const about = Object.entries(run.about).map(([name, value]) => `${name} ${shown(value)}`)
  return [
    paint("bold", `Conformance of ${run.target}: ${run.suite} suite`),
    `  ${run.command}`,
    ...(about.length === 0 ? [] : [`  ${about.join(", ")}`])
  ]
}

const shown = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.join(" ")}]`
    : typeof value === "string"
      ? visible(value)
      : JSON.stringify(value)

const areaTable = (run: RunResult, paint: Paint): ReadonlyArray<string> => {
  const width = Math.max(12, ...areasOf(run.requirements).map((area) => area.length))
  const row = (name: string, ...cells: ReadonlyArray<string | number>) =>
    `${name.padEnd(width)}${cells.map((cell) => String(cell).padStart(10)).join("")}`
  const counted = (name: string, requirements: RunResult["requirements"]) => {
    const counts = countRequirements(requirements)
    return row(
      name,
      counts.all,
      counts.passed,
      counts.failed,
      counts.untested,
      counts.unchecked,
      counts["not-applicable"]
    )
  }
  const areas = areasOf(run.requirements)
  return [
    paint("dim", row("requirements", "all", "pass", "fail", "untested", "unchecked", "n.a.")),
    ...areas.map((area) =>
      counted(
        area,
        run.requirements.filter((one) => one.area === area)
      )
    ),
    ...(areas.length > 1 ? [counted("total", run.requirements)] : [])
  ]
}

const figures = (run: RunResult): ReadonlyArray<string> => {
  const cases = countCases(run)
  const musts = countMusts(run)
  const chosen =
    run.chosen === run.available ? "" : ` (${run.chosen} of the suite's ${run.available} were chosen)`
  return [
    `MUSTs covered: ${musts.covered} of the ${musts.binding} that bind the target`,
    `cases: ${cases.passed} passed, ${cases.failed} failed, ${cases.notApplicable} not applicable${chosen}; ` +
      `property runs: ${showCount(cases.propertyRuns)}; ${showMillis(run.durationMs)}; seed ${run.seed}`
  ]
}

const untestedLines = (run: RunResult, paint: Paint): ReadonlyArray<string> => {
  const untested = run.requirements.filter(({ status }) => status === "untested")
  const must = untested.filter(({ level }) => level === "MUST")
  const others = untested.filter(({ level }) => level !== "MUST")
  const list = (all: RunResult["requirements"]) => all.map(({ id }) => id).join(" ")
  return [
    ...(must.length === 0 ? [] : [paint("red", `untested MUST: ${list(must)}`)]),
    ...(others.length === 0 ? [] : [`untested SHOULD and MAY: ${list(others)}`])
  ]
}

/** How many MUSTs nobody looked at, by what has to be given for them. */
const uncheckedLines = (run: RunResult, paint: Paint): ReadonlyArray<string> => {
  const musts = uncheckedMusts(run)
  const reasons = [...new Set(musts.map(({ reason = "" }) => reason))]
  return reasons.map((reason) => {
    const ids = musts.filter((one) => one.reason === reason).map(({ id }) => id)
    const words = `${ids.length} ${ids.length === 1 ? "MUST" : "MUSTs"} not checked here: ${reason}: ${ids.join(" ")}`
    return run.partial === true ? words : paint("red", words)
  })
}

const verdictLines = (run: RunResult, paint: Paint): ReadonlyArray<string> => {
  const faults = faultsOf(run)
  const departed = departures(run).map(({ id }) => id)
  const advice =
    departed.length === 0
      ? []
      : [`recommended (SHOULD, MAY) and done otherwise, which is no fault: ${departed.join(" ")}`]
  if (faults.length === 0) {
    const all =
      departed.length === 0 ? "everything that was checked holds" : "every MUST that was checked holds"
    return [...advice, paint("green", `green: ${all}`)]
  }
  const failed = run.cases.filter(({ verdict }) => verdict._tag === "Failed").map(({ id }) => id)
  const repeat = failed.length === 0 ? [] : [`repeat with: ${repeatFlags(run, failed.slice(0, 5))}`]
  return [...advice, paint("red", `red: ${faults.map(shortened).join("; ")}`), ...repeat]
}

const shortened = (fault: string): string =>
  fault.startsWith("untested MUST") ? "a MUST is untested" : fault

export type Paint = (style: "red" | "green" | "dim" | "bold", text: string) => string
const CODES = { red: 31, green: 32, dim: 2, bold: 1 }

export const painter =
  (color: boolean): Paint =>
  (style, text) =>
    color ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text
