// The native worker built to find its mistakes, the engine too: with Address- and UndefinedBehaviorSanitizer, or (gc-stress)
// with a collection of garbage before each allocation of an object. What is built is built once.
//
//   node scripts/sanitizer.mjs tests [file…]       the tests of the worker, sanitized; files by a part of their path; --quick:
//                                                  without three that take a third of the time
//   node scripts/sanitizer.mjs gc-stress [file…]   those of them that take no minutes, on the gc-stress build; --full: all
//   node scripts/sanitizer.mjs fuzz                its message loop under random lines, sanitized
//
//   FUZZ_SECONDS  how long to fuzz (60)
//   FUZZ_SEED     the seed to begin with (printed; set it to repeat a run)
//   FC_SEED, SUITE_MINUTES  as for scripts/test.mjs; a suite has 5 minutes here, on gc-stress 15
import { spawnSync } from "node:child_process"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const native = path.join(root, "native", "quickjs-ng")
const unavailable = path.join(native, "build", "unavailable.json")

/** Every file of C of ours is run by these; what they leave out takes long, or is the library's own TypeScript. */
const TELLING = ["native-", "guest-protocol", "guest-load", "guest-resilience", "guest-clock"]
/** It builds workers of its own, of other kinds. */
const NOT_THESE = ["**/native-build.test.ts"]
/** They take a third of the time: continuous integration leaves them out. */
const SLOW_SANITIZED = ["exhaustion", "many-headers", "url"].map((name) => `**/native-${name}.test.ts`)
/** They fill the memory or make ten thousands of objects: minutes where garbage is collected all the time. */
const SLOW_ON_GC_STRESS = ["exhaustion", "limits", "url", "encoding", "forms", "garbage"].map(
  (name) => `**/native-${name}.test.ts`
)

const fail = (why) => {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}

const run = (command, args, options = {}) => {
  const { error, signal, status } = spawnSync(command, args, { stdio: "inherit", ...options })
  if (error !== undefined) fail(`${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? (signal === "SIGINT" ? 130 : 1))
}

/** The builds that the tests are run on. */
const BUILDS = {
  tests: { target: "asan", minutes: "5" },
  "gc-stress": { target: "gc-stress", minutes: "15" }
}

const [what, ...given] = process.argv.slice(2)
const files = given.filter((one) => one !== "--full" && one !== "--quick")
if (what !== "fuzz" && !Object.hasOwn(BUILDS, what ?? ""))
  fail("node scripts/sanitizer.mjs tests [file…] [--quick] | gc-stress [file…] [--full] | fuzz")
if (fs.existsSync(unavailable)) {
  const { reason, what_to_do } = JSON.parse(fs.readFileSync(unavailable, "utf8"))
  fail(`There is no native worker: ${[reason, ...what_to_do].join("\n  ")}`)
}

const wholeNumber = (name, otherwise) => {
  const given = process.env[name] ?? ""
  if (given !== "" && !/^\d{1,15}$/.test(given)) fail(`${name} must be a whole number, not "${given}"`)
  return given === "" ? otherwise : given
}

if (what === "fuzz") {
  const seconds = wholeNumber("FUZZ_SECONDS", "60")
  const seed = wholeNumber("FUZZ_SEED", String(Math.floor(Math.random() * 2 ** 31)))
  process.stdout.write(`fuzzing the message loop for ${seconds} s: FUZZ_SEED=${seed}\n`)
  const args = [
    "-s",
    `-j${os.availableParallelism()}`,
    "fuzz",
    `FUZZ_SECONDS=${seconds}`,
    `FUZZ_SEED=${seed}`
  ]
  run("make", args, { cwd: native })
} else {
  const { target, minutes } = BUILDS[what]
  run("make", ["-s", `-j${os.availableParallelism()}`, target], { cwd: native })
  const slow =
    what === "gc-stress"
      ? given.length === 0
        ? SLOW_ON_GC_STRESS
        : []
      : given.includes("--quick")
        ? SLOW_SANITIZED
        : []
  const without = [...NOT_THESE, ...slow]
  const exclude = without.flatMap((file) => ["--exclude", file])
  run(
    process.execPath,
    ["scripts/test.mjs", "integration", ...(files.length === 0 ? TELLING : files), ...exclude],
    {
      cwd: root,
      env: {
        ...process.env,
        SUITE_MINUTES: process.env.SUITE_MINUTES ?? minutes,
        QUICKJS_WORKER: path.join(native, "build", target, "bunbase-quickjs")
      }
    }
  )
}
