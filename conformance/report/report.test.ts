import fc from "fast-check"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { faultsOf } from "../model/Result.ts"
import { caseResult, requirementResult, runResult } from "../testing/fakes.ts"
import { escape } from "./escape.ts"
import { htmlReport } from "./html.ts"
import { junitReport } from "./junit.ts"
import { mergeRuns } from "./merge.ts"
import { SCRIPT } from "./page.ts"
import { NoRunResult, readRun } from "./readRun.ts"
import { terminalReport } from "./terminal.ts"

const failed = caseResult("worker/invoke/twice", {
  title: "Answered <once> & only once",
  requirements: ["WP-002", "WP-003"],
  verdict: {
    _tag: "Failed",
    message: "answered twice",
    expected: "1 answer",
    observed: "2 answers",
    requirements: ["WP-002"],
    transcript: [
      { at: 0.5, voice: "suite", text: '{"type":"invoke"}' },
      { at: 1.25, voice: "target", text: "</pre><script>alert(1)</script>\u001b[31m\u0000" }
    ]
  }
})
const passed = caseResult("worker/invoke/once", { propertyRuns: 1_200, observed: ["after <7 ms>"] })
const notFor = caseResult("worker/cancel/stops", {
  requirements: ["WP-004"],
  verdict: { _tag: "NotApplicable", reason: "the target has no cancel" }
})
const bun = runResult({
  cases: [passed, failed, notFor],
  requirements: [
    requirementResult("WP-001", { cases: [passed.id] }),
    requirementResult("WP-002", { status: "failed", cases: [failed.id] }),
    requirementResult("WP-003", { status: "untested", reason: "its case failed for another requirement" }),
    requirementResult("WP-004", {
      status: "not-applicable",
      reason: "the target has no cancel",
      cases: [notFor.id]
    }),
    requirementResult("WP-005", { level: "SHOULD", status: "untested", reason: "no case checks it" })
  ]
})
const green = runResult({
  target: "quickjs-ng",
  cases: [passed],
  requirements: [requirementResult("WP-001", { cases: [passed.id] })]
})
const server = runResult({
  suite: "server",
  target: "server",
  requirements: [requirementResult("SP-001", { area: "socket-protocol" })]
})

describe("a run", () => {
  it("is green where nothing failed and no MUST is untested", () => {
    expect(faultsOf(green)).toEqual([])
    expect(faultsOf(bun)).toEqual(["1 case failed", "untested MUST: WP-003"])
    expect(faultsOf(runResult({ interrupted: true, problems: ["it did not end"] }))).toEqual([
      "it did not end",
      "the run was interrupted"
    ])
  })
})

describe("a run whose failed cases violate SHOULDs alone", () => {
  const advice = requirementResult("WP-002", { level: "SHOULD", status: "failed", cases: [failed.id] })
  const departing = runResult({
    cases: [passed, failed],
    requirements: [requirementResult("WP-001", { cases: [passed.id] }), advice]
  })

  it("is green, and says what was done otherwise", () => {
    expect(faultsOf(departing)).toEqual([])
    expect(terminalReport(departing, { color: false })).toMatch(
      /recommended \(SHOULD, MAY\) and done otherwise, which is no fault: worker\/invoke\/twice\ngreen: every MUST that was checked holds\n$/
    )
    const xml = junitReport([departing])
    expect(xml).toContain('failures="0" skipped="1"')
    expect(xml).toContain('<skipped message="recommended, and done otherwise: answered twice"/>')
  })

  it("is red where the case fell over, its time was over, or it violates a MUST too", () => {
    const other = (change: object) => {
      if (failed.verdict._tag !== "Failed") throw new Error("it has failed")
      const cases = [{ ...failed, verdict: { ...failed.verdict, ...change } }]
      return faultsOf({ ...departing, cases })
    }
    expect(other({ cause: "time" })).toEqual(["1 case failed"])
    expect(other({ cause: "error" })).toEqual(["1 case failed"])
    expect(other({ requirements: ["WP-002", "WP-001"] })).toEqual(["1 case failed"])
    expect(other({ requirements: ["WP-099"] })).toEqual(["1 case failed"])
  })
})

describe("the report on a terminal", () => {
  const text = terminalReport(bun, { color: false })

  it("shows what failed, with the transcript, and no control characters of the target's", () => {
    expect(text).toContain("FAILED worker/invoke/twice  WP-002  conformance/worker/cases/invoke.yaml:4")
    expect(text).toContain("  answered twice\n  expected:\n    1 answer\n  observed:\n    2 answers\n")
    expect(text).toContain("</script>\\x1b[31m\\x00")
    expect(text).not.toContain("\u001b")
  })

  it("counts requirements by area, MUSTs, cases and property runs, and says how to repeat a failure", () => {
    expect(text).toMatch(/worker-protocol +5 +1 +1 +2 +0 +1\n/)
    expect(text).not.toMatch(/^total/m) // of one area it would be the same again
    const http = {
      ...bun,
      requirements: [...bun.requirements, requirementResult("HG-001", { area: "http-gateway" })]
    }
    expect(terminalReport(http, { color: false })).toMatch(/^http-gateway +1 .*\ntotal +6 +2 +1 +2 +0 +1\n/m)
    expect(text).toContain("MUSTs covered: 2 of the 3 that bind the target")
    expect(text).toContain(
      "cases: 1 passed, 1 failed, 1 not applicable; property runs: 1,200; 1.2 s; seed 42"
    )
    expect(text).toContain("untested MUST: WP-003\nuntested SHOULD and MAY: WP-005\n")
    expect(text).toContain("red: 1 case failed; a MUST is untested")
    expect(text).toContain("repeat with: --seed 42 --id worker/invoke/twice")
  })

  it("says that all is well in green", () => {
    expect(terminalReport(green, { color: true })).toContain(
      "\u001b[32mgreen: everything that was checked holds"
    )
  })
})

describe("JUnit XML", () => {
  const xml = junitReport([bun, green])

  it("has a suite per run, and a failed test for each failed case and each untested MUST", () => {
    expect(xml).toContain(
      '<testsuites name="bunbase conformance" tests="5" failures="2" skipped="1" errors="0"'
    )
    expect(xml).toContain(
      '<testsuite name="worker (bun)" tests="4" failures="2" skipped="1" errors="0" time="1.234'
    )
    expect(xml).toContain(
      '<testcase classname="bun.worker.invoke" name="worker/invoke/once: Title of worker/invoke/once" time="0.012"/>'
    )
    expect(xml).toContain('<skipped message="the target has no cancel"/>')
    expect(xml).toContain('<failure message="answered twice">requirements: WP-002\n')
    expect(xml).toContain('<failure message="WP-003 is untested: its case failed for another requirement">')
  })

  it("has a test for each MUST that was not checked: failed, or skipped where that is meant", () => {
    const requirements = [requirementResult("WP-001", { status: "unchecked", reason: "give --cmd" })]
    const words = 'message="WP-001 was not checked here: give --cmd"'
    const red = junitReport([runResult({ requirements })])
    expect(red).toContain('tests="1" failures="1" skipped="0"')
    expect(red).toContain(`<failure ${words}>`)
    const meant = junitReport([runResult({ requirements, partial: true })])
    expect(meant).toContain('tests="1" failures="0" skipped="1"')
    expect(meant).toContain(`<skipped ${words}/>`)
  })

  it("escapes what was said, and has no character that XML does not know", () => {
    expect(xml).toContain("&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m\\x00")
    expect(xml).not.toMatch(/<script/)
  })
})

describe("the HTML page", () => {
  const html = htmlReport([bun, green, server])

  it("has a column per target and a row per requirement, with reasons", () => {
    expect(html).toContain(
      '<th scope="col">bun</th><th scope="col">quickjs-ng</th><th scope="col">server</th>'
    )
    expect(html.match(/<tr id="/g)).toHaveLength(6)
    expect(html).toMatch(/<tr id="WP-001" data-status="passed" data-level="MUST" data-area="worker-protocol"/)
    expect(html).toMatch(
      /<tr id="WP-004" data-status="not-applicable"[^]*?– n\.a\.<\/span><div class="soft small">the target has no cancel/
    )
  })

  it("has each failure with its transcript, escaped, linked to its requirements", () => {
    expect(html).toContain('<h2 id="failures">Failures (1)</h2>')
    expect(html).toContain('<a href="#WP-002">WP-002</a>')
    expect(html).toContain('<article id="failure-1-worker/invoke/twice">')
    expect(html).toContain('<a href="#failure-1-worker/invoke/twice"><span class="badge failed">bun ✗ fail')
    expect(html).toContain("repeat with <code>--seed 42 --id worker/invoke/twice</code>")
    expect(html).toContain("<summary>transcript (2 lines)</summary>")
    expect(html).toContain("&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m\\x00")
    expect(html.match(/<script>/g)).toHaveLength(1)
  })

  it("says by area what became of the requirements, for each target", () => {
    expect(html).toMatch(
      /<td><a href="#area-worker-protocol">worker-protocol<\/a><\/td><td><span class="badge passed">✓ pass 1<\/span> <span class="badge failed">✗ fail 1<\/span> <span class="badge untested">\? untested 2<\/span> <span class="badge not-applicable">– n\.a\. 1<\/span><\/td>/
    )
    expect(html).toContain('id="area-worker-protocol"')
  })

  it("needs nothing from elsewhere, and leads nowhere that is not there", () => {
    expect(html).not.toMatch(/\s(?:src|srcset|action|data)=|@import|url\(|<link|<iframe/)
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const links = [...html.matchAll(/\shref="([^"]*)"/g)].map(([, link = ""]) => link)
    expect(links.filter((link) => !ids.includes(link.slice(1)) || !link.startsWith("#"))).toEqual([])
  })

  it("says what a case measured, and in how many runs", () => {
    expect(html).toContain("✓ pass 12 ms, 1,200 property runs")
    expect(html).toContain('<div class="soft">after &lt;7 ms&gt;</div>')
  })

  it("filters its rows by words, status, level and area", () => {
    const rows = [
      { status: "passed failed", level: "MUST", area: "a", text: "wp-001 answers once" },
      { status: "untested", level: "SHOULD", area: "b", text: "wp-002 says why" }
    ].map((dataset) => ({ dataset, hidden: false }))
    const sections = rows.map((row) => ({ hidden: false, querySelector: () => (row.hidden ? null : row) }))
    const heard: Record<string, () => void> = {}
    let chosen = {}
    const form = {
      hidden: true,
      addEventListener: (name: string, hear: () => void) => void (heard[name] = hear)
    }
    const count = { textContent: "" }
    const found: Record<string, unknown> = { ".filter": form, "#shown": count }
    const page = {
      querySelector: (selector: string) => found[selector],
      querySelectorAll: (selector: string) => (selector.startsWith("tr") ? rows : sections)
    }
    const FormOf = function* () {
      yield* Object.entries({ text: "", status: "", level: "", area: "", ...chosen })
    }
    const Form = class {
      [Symbol.iterator] = FormOf
    }
    new Function("document", "FormData", "addEventListener", SCRIPT)(page, Form, () => {})
    const shown = (choice: object) => {
      chosen = choice
      heard["input"]?.()
      return [
        ...rows.map(({ hidden }) => !hidden),
        ...sections.map(({ hidden }) => !hidden),
        count.textContent
      ]
    }
    expect(form.hidden).toBe(false)
    expect(shown({})).toEqual([true, true, true, true, "2 of 2"])
    expect(shown({ status: "failed" })).toEqual([true, false, true, false, "1 of 2"])
    expect(shown({ level: "SHOULD" })).toEqual([false, true, false, true, "1 of 2"])
    expect(shown({ area: "a" })).toEqual([true, false, true, false, "1 of 2"])
    expect(shown({ text: " WP SAYS " })).toEqual([false, true, false, true, "1 of 2"])
    expect(shown({ text: "wp", status: "passed", level: "SHOULD" })).toEqual([
      false,
      false,
      false,
      false,
      "0 of 2"
    ])
  })

  it("loads nothing", () => {
    expect(html).not.toMatch(/(src|href)="(?!#)/)
    expect(html).not.toMatch(/@import|url\(/)
  })

  it("has its tags closed, in order", () => {
    const open: Array<string> = []
    const wrong: Array<string> = []
    for (const [, end, name = ""] of html
      .replaceAll(/<(script|style)>[^]*?<\/\1>/g, "")
      .matchAll(/<(\/?)([a-z0-9]+)/g)) {
      if (["meta", "input", "br"].includes(name)) continue
      if (end === "") open.push(name)
      else if (open.pop() !== name) wrong.push(name)
    }
    expect({ open, wrong }).toEqual({ open: [], wrong: [] })
  })
})

describe("runs side by side", () => {
  it("have headings of their own, and each requirement once", () => {
    const merged = mergeRuns([bun, green, runResult({ ...green, target: "bun" })])
    expect(merged.headings).toEqual(["bun", "quickjs-ng", "bun (2)"])
    const [first, second] = merged.requirements
    expect(first?.results.map((one) => one?.status)).toEqual(["passed", "passed", "passed"])
    expect(second?.results.map((one) => one?.status ?? null)).toEqual(["failed", null, null])
  })
})

describe("escaping", () => {
  it("leaves no markup and nothing that XML cannot have", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const escaped = escape(text)
        expect(escaped).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/)
        expect(escaped).not.toMatch(/(?![\t\n\r])\p{Cc}/u)
        expect(escaped.isWellFormed()).toBe(true)
      })
    )
  })
})

describe("a result that was written", () => {
  let folder = ""
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "results-"))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it("is read as it was", async () => {
    const path = join(folder, "bun.json")
    await writeFile(path, JSON.stringify(bun))
    expect(await readRun(path)).toEqual(JSON.parse(JSON.stringify(bun)))
  })

  it.each([
    [
      "no JSON",
      "<testsuites/>",
      /run\.json is no result of a run \(.*JSON.*\); give files that --json wrote/
    ],
    ["something else", '{"format":1}', /is no result of a run \(suite: suite is missing\)/],
    [
      "another format",
      JSON.stringify({ ...bun, format: 2 }),
      /is no result of a run \(format: format: expected 1\)/
    ]
  ])("is refused where it is %s", async (_, text, message) => {
    const path = join(folder, "run.json")
    await writeFile(path, text)
    await expect(readRun(path)).rejects.toThrow(message)
  })

  it("is refused in plain words where it is not there", async () => {
    const path = join(folder, "none.json")
    await expect(readRun(path)).rejects.toThrow(new NoRunResult(`${path}: there is no such file`))
  })
})
