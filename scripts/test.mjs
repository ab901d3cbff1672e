// Runs the test suites, one after another, all of them even when one fails.
//
//   node scripts/test.mjs [suite…] [--] [arguments for vitest…]
//
// The last line is always "N passed, N failed", the sum over the suites. The exit status is 0 only when at least one
// test ran and none failed. A suite that has no test files is named as such, and counts for nothing. In CI a skipped test
// counts as failed, unless arguments for vitest choose some of the tests.
//
//   FC_SEED        the seed of the property tests (printed; set it to repeat a run)
//   CI             set by CI services: skipped tests count as failed
//   SUITE_MINUTES  how long one suite may take before it is ended and counted as failed (default 20)
import { spawn, spawnSync } from "node:child_process"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { countSuite, isCi, sum } from "./test/countSuite.mjs"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const bun = path.join(root, "node_modules", "bun", "bin", "bun.exe")

/**
 * In the order in which they run. Those with `alone` measure time or load the machine: one file at a time. So many of its
 * files as `waits` says mostly wait, and run beside those that have a processor each. What `mounts`
 * makes file systems that are full or read-only: as root, or as root of a namespace of its own.
 */
const suites = [
  { name: "unit", folders: ["src", "scripts", "tests/support", "tests/benchmarks"], alone: false, waits: 0 },
  { name: "integration", folders: ["tests/integration"], alone: false, waits: 1 },
  { name: "failure", folders: ["tests/failure"], alone: false, waits: 1, mounts: true },
  { name: "concurrency", folders: ["tests/concurrency"], alone: true, waits: 0 },
  { name: "conformance", folders: ["conformance"], alone: false, waits: 0 }
]

const readArguments = (args) => {
  const named = []
  let rest = args
  while (rest.length > 0 && suites.some(({ name }) => name === rest[0])) {
    named.push(rest[0])
    rest = rest.slice(1)
  }
  return {
    chosen: named.length === 0 ? suites : suites.filter(({ name }) => named.includes(name)),
    forVitest: rest.filter((arg, index) => !(index === 0 && arg === "--"))
  }
}

const hasTestFiles = (folder) => {
  const where = path.join(root, folder)
  if (!fs.existsSync(where)) return false
  return fs
    .readdirSync(where, { recursive: true, withFileTypes: true })
    .some((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
}

const chooseSeed = () => {
  const given = process.env.FC_SEED
  if (given === undefined || given === "") return String(Math.floor(Math.random() * 2_147_483_647))
  if (!/^-?\d+$/.test(given)) {
    process.stderr.write(`FC_SEED must be a whole number, not "${given}"\n`)
    process.exit(2)
  }
  return given
}

/** Where mounts can be made without root: by its own user in a namespace of its own. Not every kernel allows it. */
const NAMESPACE = ["unshare", "--map-root-user", "--mount", "--"]
const ownNamespace = (suite) => {
  if (suite.mounts !== true || process.getuid?.() === 0) return undefined
  const [program, ...args] = NAMESPACE
  return spawnSync(program, [...args, "true"], { stdio: "ignore" }).status === 0 ? NAMESPACE : undefined
}

/** The signal that ended the run early, if one did. */
let interrupted

/** Runs vitest for one suite in a process group of its own, so that a suite that hangs can be ended whole. */
const runVitest = (suite, resultFile, forVitest, seed, minutes) =>
  new Promise((resolve) => {
    const namespace = ownNamespace(suite)
    const [program, ...first] = [...(namespace ?? []), bun]
    const child = spawn(
      program,
      [
        ...first,
        ...["--no-env-file", "--no-install", "--config=/dev/null", "--bun"],
        path.join(root, "node_modules", "vitest", "vitest.mjs"),
        ...["run", "--project", suite.name],
        ...["--reporter=default", "--reporter=json", `--outputFile.json=${resultFile}`],
        ...(suite.alone
          ? ["--no-file-parallelism"]
          : [`--maxWorkers=${Math.min(4, Math.max(2, os.availableParallelism() + suite.waits))}`]),
        ...forVitest
      ],
      {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
        detached: true,
        env: {
          ...process.env,
          FC_SEED: seed,
          FC_SEED_PRINTED: "yes",
          ...(namespace === undefined ? {} : { BUNBASE_TEST_NAMESPACE: "own" })
        }
      }
    )
    const signalGroup = (signal) => {
      try {
        process.kill(-child.pid, signal)
      } catch {
        // the group is gone
      }
    }
    const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => {
      const forward = () => {
        interrupted = signal
        signalGroup(signal)
      }
      process.on(signal, forward)
      return [signal, forward]
    })
    let tookTooLong = false
    const limit = setTimeout(() => {
      tookTooLong = true
      signalGroup("SIGKILL")
    }, minutes * 60_000)

    const finish = (status) => {
      clearTimeout(limit)
      for (const [signal, forward] of forwarded) process.off(signal, forward)
      if (child.pid !== undefined) signalGroup("SIGKILL") // nothing of a suite outlives it
      resolve({ status, tookTooLong })
    }
    child.on("error", (error) => {
      process.stderr.write(`${error.message}\n`)
      finish(1)
    })
    child.on("close", (status, signal) => finish(status ?? signal))
  })

/** Vitest's result; undefined where it left none that can be read. */
const readResult = (resultFile) => {
  try {
    const result = JSON.parse(fs.readFileSync(resultFile, "utf8"))
    for (const file of result.testResults) file.name = path.relative(root, file.name)
    return result
  } catch {
    return undefined
  }
}

const { chosen, forVitest } = readArguments(process.argv.slice(2))
const minutes = Number(process.env.SUITE_MINUTES ?? 20)
const seed = chooseSeed()
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "bunbase-tests-"))
const rows = []

process.stdout.write(`property tests: FC_SEED=${seed}\n`)
try {
  for (const suite of chosen) {
    if (!suite.folders.some(hasTestFiles)) {
      const notes = ["no test files"]
      rows.push({
        name: suite.name,
        passed: 0,
        failed: 0,
        skipped: 0,
        took: "",
        notes
      })
      continue
    }
    process.stdout.write(`\n── ${suite.name} ──\n`)
    const started = performance.now()
    const resultFile = path.join(temporary, `${suite.name}.json`)
    const outcome = await runVitest(suite, resultFile, forVitest, seed, minutes)
    const took = `${((performance.now() - started) / 1000).toFixed(1)} s`
    const how = { ...outcome, minutes, filtered: forVitest.length > 0, strict: isCi(process.env) }
    rows.push({ name: suite.name, ...countSuite(readResult(resultFile), how), took })
    if (interrupted !== undefined) break
  }
} finally {
  fs.rmSync(temporary, { recursive: true, force: true })
}

const { passed, failed } = sum(rows)

const column = (text, width) => String(text).padStart(width)
const lines = rows.map(
  ({ name, took, notes, ...row }) =>
    `${name.padEnd(12)}${column(row.passed, 8)}${column(row.failed, 8)}${column(row.skipped, 9)}${column(took, 10)}` +
    `${notes.length === 0 ? "" : `   ${notes.join("; ")}`}`
)
process.stdout.write(`\n${"suite".padEnd(12)}  passed  failed  skipped      time\n${lines.join("\n")}\n`)
if (failed > 0) process.stdout.write(`repeat this run's property tests with FC_SEED=${seed}\n`)
if (interrupted !== undefined) process.stdout.write(`interrupted by ${interrupted}\n`)
if (passed + failed === 0) process.stdout.write("no test ran\n")
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed > 0 || passed === 0 || interrupted !== undefined ? 1 : 0
