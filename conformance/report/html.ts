import {
  type CaseResult,
  faultsOf,
  type RequirementStatus,
  type RunResult,
  type Verdict
} from "../model/Result.ts"
import { areasOf, countCases, countMusts, countRequirements, showCount, showMillis } from "./counts.ts"
import { escape } from "./escape.ts"
import { type Merged, type MergedCase, type MergedRequirement, mergeRuns } from "./merge.ts"
import { SCRIPT, STYLE } from "./page.ts"
import { repeatFlags } from "./repeat.ts"

/** One page about one or several runs, each target a column. It needs no other file, and no network. */
export const htmlReport = (runs: ReadonlyArray<RunResult>): string => {
  const merged = mergeRuns(runs)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conformance report: ${escape(merged.headings.join(", "))}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Conformance report</h1>
${introduction}
<h2>Targets</h2>
<div class="cards">
${runs.map((run, index) => card(run, merged.headings[index] ?? run.target)).join("\n")}
</div>
${overview(merged)}
${failures(merged)}
${filter(merged)}
${areasIn(merged)
  .map((area) => areaSection(merged, area))
  .join("\n")}
<script>${SCRIPT}</script>
</body>
</html>
`
}

const introduction = `<p>Each row below is a requirement of the specification: one sentence with one MUST, SHOULD or MAY. Each column is a
target that was tested: a worker, which runs functions, or a server, which takes requests and starts workers. Cases check the
requirements by talking to the target as any other program would. Open a row to see the cases.</p>
<p class="small">
<span class="badge passed">✓ pass</span> a case checked it and all such cases passed ·
<span class="badge failed">✗ fail</span> a case saw it violated ·
<span class="badge untested">? untested</span> it binds the target, and no case has shown that it holds ·
<span class="badge unchecked">? unchecked</span> it binds the target, and the flags did not let the suite check it ·
<span class="badge not-applicable">– n.a.</span> it does not bind the target; the reason stands beside it ·
no mark: it is not for this kind of target, or was not chosen.</p>`

const WORDS: Readonly<Record<RequirementStatus, string>> = {
  passed: "✓ pass",
  failed: "✗ fail",
  untested: "? untested",
  unchecked: "? unchecked",
  "not-applicable": "– n.a."
}

const STATUSES = Object.keys(WORDS) as ReadonlyArray<RequirementStatus>

const badge = (status: RequirementStatus, words = WORDS[status]): string =>
  `<span class="badge ${status}">${escape(words)}</span>`

const card = (run: RunResult, heading: string): string => {
  const requirements = countRequirements(run.requirements)
  const cases = countCases(run)
  const musts = countMusts(run)
  const faults = faultsOf(run)
  const about = Object.entries(run.about).map(([name, value]) => [name, valueText(value)] as const)
  const chosen = run.chosen === run.available ? "" : `; ${run.chosen} of ${run.available} were chosen`
  const rows: ReadonlyArray<readonly [name: string, text: string]> = [
    ["suite", run.suite],
    ["target", run.command],
    ...about,
    [
      "requirements",
      `${requirements.passed} pass, ${requirements.failed} fail, ${requirements.untested} untested, ${requirements.unchecked} unchecked, ${requirements["not-applicable"]} n.a.`
    ],
    ["MUSTs", `${musts.covered} of the ${musts.binding} that bind it are covered`],
    ["cases", `${cases.passed} passed, ${cases.failed} failed, ${cases.notApplicable} n.a.${chosen}`],
    ["property runs", showCount(cases.propertyRuns)],
    ["time", `${showMillis(run.durationMs)}, began ${run.startedAt}`],
    ["seed", String(run.seed)]
  ]
  const verdict = faults.length === 0 ? badge("passed", "✓ green") : badge("failed", "✗ red")
  return `<div class="card"><h3>${escape(heading)} ${verdict}</h3>
${faults.map((fault) => `<div class="small">${escape(fault)}</div>`).join("\n")}
<dl>${rows.map(([name, text]) => `<dt>${escape(name)}</dt><dd>${escape(text)}</dd>`).join("")}</dl></div>`
}

const valueText = (value: unknown): string =>
  Array.isArray(value)
    ? value.map(String).join(", ")
    : typeof value === "string"
      ? value
      : JSON.stringify(value)

const areasIn = ({ requirements }: Merged): ReadonlyArray<string> =>
  areasOf(requirements.map(({ requirement }) => requirement))

const headRow = (first: ReadonlyArray<string>, headings: ReadonlyArray<string>): string =>
  `<thead><tr>${[...first, ...headings].map((heading) => `<th scope="col">${escape(heading)}</th>`).join("")}</tr></thead>`

/** A row per area, with what became of its requirements for each target. */
const overview = (merged: Merged): string => {
  const rows = areasIn(merged).map((area) => {
    const cells = merged.runs.map(({ requirements }) => {
      const counts = countRequirements(requirements.filter((one) => one.area === area))
      const marks = STATUSES.filter((status) => counts[status] > 0)
      return `<td>${marks.map((status) => badge(status, `${WORDS[status]} ${counts[status]}`)).join(" ")}</td>`
    })
    return `<tr><td><a href="#area-${escape(area)}">${escape(area)}</a></td>${cells.join("")}</tr>`
  })
  const failed = merged.runs.flatMap(({ cases }) => cases.filter(({ verdict }) => verdict._tag === "Failed"))
  const links = failed.length === 0 ? "" : `<p><a href="#failures">Failures (${failed.length})</a></p>\n`
  return `<h2>Areas</h2>
${links}<div class="scroll"><table>${headRow(["area"], merged.headings)}<tbody>
${rows.join("\n")}
</tbody></table></div>`
}

const filter = (merged: Merged): string => {
  const option = (value: string, words = value) =>
    `<option value="${escape(value)}">${escape(words)}</option>`
  const areas = areasIn(merged)
  return `<h2>Requirements</h2>
<form class="filter" hidden>
<input type="search" name="text" placeholder="id or words" aria-label="id or words">
<select name="status" aria-label="status">${option("", "any status")}${Object.entries(WORDS)
    .map(([status, words]) => option(status, words))
    .join("")}</select>
<select name="level" aria-label="level">${option("", "any level")}${["MUST", "SHOULD", "MAY"].map((level) => option(level)).join("")}</select>
<select name="area" aria-label="area">${option("", "any area")}${areas.map((area) => option(area)).join("")}</select>
<button type="reset">all</button> <span class="soft small" id="shown"></span>
</form>`
}

const areaSection = (merged: Merged, area: string): string => {
  const rows = merged.requirements.filter(({ requirement }) => requirement.area === area)
  return `<section data-area="${escape(area)}" id="area-${escape(area)}"><h3>${escape(area)}</h3>
<div class="scroll"><table>${headRow(["id", "level", "requirement"], merged.headings)}<tbody>
${rows.map((row) => requirementRow(row, merged.headings)).join("\n")}
</tbody></table></div></section>`
}

const requirementRow = (row: MergedRequirement, headings: ReadonlyArray<string>): string => {
  const { id, level, title, text, area, file, line } = row.requirement
  const statuses = [...new Set(row.results.flatMap((result) => result?.status ?? []))].join(" ")
  const cells = row.results.map((result) => {
    if (result === null) return `<td class="result"></td>`
    const reason = result.reason === undefined ? "" : `<div class="soft small">${escape(result.reason)}</div>`
    return `<td class="result">${badge(result.status)}${reason}</td>`
  })
  const words = `${id} ${title} ${text} ${row.cases.map((one) => one.id).join(" ")}`.toLowerCase()
  return `<tr id="${escape(id)}" data-status="${statuses}" data-level="${level}" data-area="${escape(area)}" data-text="${escape(words)}">
<td class="id">${escape(id)}</td><td>${level}</td>
<td><details><summary><b>${escape(title)}</b></summary><div>${escape(text)}</div>
<div class="soft small">${escape(`${file}:${line}`)}</div>${caseList(row.cases, headings)}</details></td>${cells.join("")}</tr>`
}

const caseList = (cases: ReadonlyArray<MergedCase>, headings: ReadonlyArray<string>): string =>
  cases.length === 0
    ? ""
    : `<ul class="cases">${cases
        .map(({ id, title, results }) => {
          const marks = results.flatMap((result, index) =>
            result === null ? [] : [caseMark(result, index, headings.length > 1 ? `${headings[index]} ` : "")]
          )
          const seen = results.flatMap((result) => result?.observed ?? [])
          const observed = seen.map((text) => `<div class="soft">${escape(text)}</div>`).join("")
          return `<li><code>${escape(id)}</code> ${escape(title)} ${marks.join(" ")}${observed}</li>`
        })
        .join("")}</ul>`

const TAGS: Readonly<Record<Verdict["_tag"], RequirementStatus>> = {
  Passed: "passed",
  Failed: "failed",
  NotApplicable: "not-applicable"
}

/** Where a column's failure of a case is told. */
const failureId = (column: number, id: string): string => `failure-${column + 1}-${id}`

const caseMark = (
  { durationMs, id, propertyRuns, verdict }: CaseResult,
  column: number,
  heading: string
): string => {
  const status = TAGS[verdict._tag]
  const took = verdict._tag === "NotApplicable" ? "" : ` ${showMillis(durationMs)}`
  const runs = propertyRuns === 0 ? "" : `, ${showCount(propertyRuns)} property runs`
  const mark = badge(status, `${heading}${WORDS[status]}${took}${runs}`)
  if (verdict._tag === "Failed") return `<a href="#${escape(failureId(column, id))}">${mark}</a>`
  return verdict._tag === "NotApplicable"
    ? `${mark} <span class="soft">${escape(verdict.reason)}</span>`
    : mark
}

const failures = ({ headings, runs }: Merged): string => {
  const all = runs.flatMap((run, index) =>
    run.cases
      .filter(({ verdict }) => verdict._tag === "Failed")
      .map((result) => failure(result, index, headings[index] ?? run.target, run))
  )
  return all.length === 0 ? "" : `<h2 id="failures">Failures (${all.length})</h2>\n${all.join("\n")}`
}

const failure = (
  { durationMs, id, requirements, source, title, verdict }: CaseResult,
  column: number,
  heading: string,
  run: RunResult
): string => {
  if (verdict._tag !== "Failed") return ""
  const block = (name: string, text: string | undefined) =>
    text === undefined ? "" : `<div class="soft small">${name}</div><pre>${escape(text)}</pre>`
  const links = (verdict.requirements ?? requirements).map(
    (one) => `<a href="#${escape(one)}">${escape(one)}</a>`
  )
  const lines = verdict.transcript.map(
    ({ at, text, voice }) =>
      `<span class="${voice}">${escape(at.toFixed(1).padStart(9))} ms <b>${voice.padEnd(6)}</b> ${escape(text)}</span>`
  )
  const transcript =
    lines.length === 0
      ? ""
      : `<details><summary>transcript (${lines.length} lines)</summary><pre class="transcript">${lines.join("\n")}</pre></details>`
  return `<article id="${escape(failureId(column, id))}"><h3>${escape(heading)}: ${escape(id)}</h3>
<div>${escape(title)} · ${links.join(" ")}</div>
<div class="soft small">${escape(source)} · ${showMillis(durationMs)} · repeat with <code>${escape(repeatFlags(run, [id]))}</code></div>
<pre>${escape(verdict.message.trimEnd())}</pre>
${block("expected", verdict.expected)}${block("observed", verdict.observed)}${transcript}</article>`
}
