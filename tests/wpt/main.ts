/**
 * Runs web-platform-tests that need no server, each `.any.js` file in a fresh worker of QuickJS-NG and one of Bun, and
 * reports how many tests pass per area:
 *
 *   npm run wpt -- FOLDER [--under PATH] [--runtime quickjs-ng|bun] [--failures]
 *
 * `--under` takes the beginning of a file's path; `--failures` prints what fails, expected or not. What the QuickJS-NG
 * worker fails has to be in native/quickjs-ng/wpt-expectations.json, with the reason, and what is there has to fail: the
 * exit status is 1 where it is otherwise. Bun's column is for comparison.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { bundleInside } from "./bundle.ts"
import { expectations, surprises } from "./expectations.ts"
import { AREAS, readTestFile, testFiles, unfit } from "./files.ts"
import type { FileResult } from "./inside/run.ts"
import { callOnce, isBuilt, type Runtime } from "./worker.ts"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { under: { type: "string" }, runtime: { type: "string" }, failures: { type: "boolean" } }
})
const complain = (text: string): never => {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}
const [root, ...more] = positionals
if (root === undefined || more.length > 0) {
  complain("usage: npm run wpt -- FOLDER [--under PATH] [--runtime quickjs-ng|bun] [--failures]")
}
const folder = root as string
if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) complain(`${folder} is no folder`)
const runtimes = (["quickjs-ng", "bun"] as const).filter((one) => (values.runtime ?? one) === one)
if (runtimes.length === 0) complain(`--runtime is quickjs-ng or bun, not ${values.runtime}`)
for (const runtime of runtimes) {
  if (!isBuilt(runtime))
    complain("the QuickJS-NG worker is not built: node scripts/native.mjs, or --runtime bun")
}

interface Outcome extends FileResult {
  readonly runtime: Runtime
  readonly area: string
  readonly path: string
}

const temporary = mkdtempSync(join(tmpdir(), "bunbase-wpt-"))
const harness = await bundleInside("run")

const runOne = async (runtime: Runtime, area: string, path: string): Promise<Outcome> => {
  const bundle = join(temporary, `${path.replaceAll("/", "+")}.js`)
  try {
    const file = readTestFile(folder, path)
    writeFileSync(
      bundle,
      `${harness}\nexport default async () => Response.json(await runFile(${JSON.stringify(file)}))\n`
    )
    const text = await callOnce({ runtime, bundle, timeoutMs: file.timeoutMs + 20_000 })
    return { ...(JSON.parse(text) as FileResult), runtime, area, path }
  } catch (error) {
    return { failure: (error as Error).message, results: [], runtime, area, path }
  }
}

const skipped: Array<string> = []
const work: Array<() => Promise<Outcome>> = []
for (const [area, within] of Object.entries(AREAS)) {
  for (const path of testFiles(folder, within)) {
    if (!path.startsWith(values.under ?? "")) continue
    const why = unfit(path, await Bun.file(join(folder, path)).text())
    if (why === null) for (const runtime of runtimes) work.push(() => runOne(runtime, area, path))
    else skipped.push(`${path} ${why}`)
  }
}

const outcomes: Array<Outcome> = []
const turns = work.values()
const lane = async (): Promise<void> => {
  for (const turn of turns) outcomes.push(await turn())
}
try {
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism() - 1) }, lane))
} finally {
  rmSync(temporary, { recursive: true, force: true })
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)
/** A file that could not be run whole counts as one test more that failed. */
const testsOf = (outcome: Outcome) => [
  ...outcome.results.map(({ name, status, message }) => ({
    name,
    passed: status === "pass" || status === "optional",
    message
  })),
  ...(outcome.failure === "" ? [] : [{ name: "(the file)", passed: false, message: outcome.failure }])
]

let unexpected = 0
for (const outcome of outcomes.toSorted(
  (a, b) => a.path.localeCompare(b.path) || a.runtime.localeCompare(b.runtime)
)) {
  if (values.failures === true) {
    for (const { name, passed, message } of testsOf(outcome)) {
      if (!passed) print(`${outcome.runtime}\t${outcome.path}\t${name}\t${message.replaceAll("\n", " ")}`)
    }
  }
  if (outcome.runtime === "bun") continue
  for (const { test, message } of surprises(expectations.files[outcome.path] ?? {}, testsOf(outcome))) {
    unexpected += 1
    print(
      `UNEXPECTED ${outcome.path}: ${test}: ${message === "" ? "passes, though it is expected to fail" : message}`
    )
  }
}
for (const line of skipped) print(`not run: ${line}`)

const count = (area: string, runtime: Runtime): string => {
  const tests = outcomes.filter((one) => one.area === area && one.runtime === runtime).flatMap(testsOf)
  return `${tests.filter(({ passed }) => passed).length}/${tests.length}`
}
print(`\n${"area".padEnd(18)}${runtimes.map((one) => one.padStart(14)).join("")}`)
for (const area of Object.keys(AREAS)) {
  if (!outcomes.some((one) => one.area === area)) continue
  print(`${area.padEnd(18)}${runtimes.map((one) => count(area, one).padStart(14)).join("")}`)
}
if (outcomes.length === 0) complain(`no .any.js file of these areas in ${folder}`)
print(`\n${outcomes.length} files run, ${unexpected} unexpected results of the QuickJS-NG worker`)
process.exit(unexpected > 0 ? 1 : 0)
