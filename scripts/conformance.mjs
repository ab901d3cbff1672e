// Holds this version's own workers and server against the specification, and puts the results side by side.
//
//   node scripts/conformance.mjs [target…] [flags for every run…]
//
// Targets: worker-bun, worker-quickjs-ng, worker-node, worker-python, server, faults; without any all of them, one after another. Flags are those of
// `bunbase conformance worker` and `server`, such as --seed 7 --id WP-012; all runs have one seed. Faults are chosen by no
// filter: with one they are left out, unless they are named.
//
// Writes to build/conformance/: TARGET.json of each run, report.html and junit.xml of all. The exit status is that of the
// first run that was not green.
//
//   FC_SEED         the seed of all runs, unless --seed names one
//   QUICKJS_WORKER  another build of the worker of quickjs-ng
import { spawn, spawnSync } from "node:child_process"
import fs from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const program = path.join(root, "bin", "bunbase")
const folder = path.join(root, "build", "conformance")

/** A word as a POSIX shell takes it. */
const word = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
const shown = (file) => word(path.relative(root, file))

const bun = path.join(root, "node_modules", "bun", "bin", "bun.exe")
const SERVER = [
  ...["--cmd", "bin/bunbase serve --data-dir {data} --socket {socket} --http-port {port}"],
  ...["--scripted-worker", "--quickjs-worker {worker} --quickjs-fork-server off"]
]
const quickjs =
  process.env.QUICKJS_WORKER ?? path.join(root, "native", "quickjs-ng", "build", "release", "bunbase-quickjs")

/** Workers are started as the server starts them. */
const targets = {
  "worker-bun": [
    "worker",
    ...["--runtime", "bun", "--name", "Bun worker"],
    "--cmd",
    // the flags of src/guest/bun/flags.ts
    `${shown(bun)} --no-env-file --no-install --config=/dev/null --tsconfig-override=/dev/null --no-orphans --smol src/guest/bun/main.ts`
  ],
  "worker-quickjs-ng": [
    "worker",
    ...["--runtime", "quickjs-ng", "--name", "QuickJS-NG worker"],
    "--cmd",
    shown(quickjs)
  ],
  // written from the specification alone, of version 1.0
  "worker-node": [
    "worker",
    ...["--protocol", "1.0", "--name", "minimal worker, Node"],
    ...["--cmd", "node fixtures/workers/node-minimal/worker.mjs"]
  ],
  "worker-python": [
    "worker",
    ...["--protocol", "1.0", "--runtime", "other", "--name", "minimal worker, Python"],
    ...["--functions", "fixtures/workers/python-minimal/functions", "--extension", "py"],
    ...["--cmd", "python3 fixtures/workers/python-minimal/worker.py"]
  ],
  server: ["server", "--runtimes", "bun,quickjs-ng", "--name", "server", ...SERVER],
  faults: ["faults", "--run", "all", "--runtimes", "bun,quickjs-ng", "--name", "faults", ...SERVER]
}

const isFilter = (flag) => /^--(id|area|level|cases|property-runs)(=|$)/.test(flag)

const readArguments = (args) => {
  const first = args.findIndex((arg) => arg.startsWith("-"))
  const names = first < 0 ? args : args.slice(0, first)
  const unknown = names.filter((name) => targets[name] === undefined)
  if (unknown.length > 0) {
    process.stderr.write(
      `no such target: ${unknown.join(", ")}; there are ${Object.keys(targets).join(", ")}\n`
    )
    process.exit(2)
  }
  const flags = first < 0 ? [] : args.slice(first)
  const all = Object.keys(targets).filter((name) => name !== "faults" || !flags.some(isFilter))
  return { names: names.length === 0 ? all : names, flags }
}

let running
let interrupted = false
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    // from a terminal Ctrl-C reaches the run by itself, which would take a second one as an order to drop everything
    if (signal !== "SIGINT" || !process.stdin.isTTY) running?.kill(signal)
    interrupted = true
  })
}

/** Cases of full disks mount small ones: by root, or in a namespace of the run's own where the kernel allows that. */
const NAMESPACE = ["unshare", "--map-root-user", "--mount", "--"]
const needsNamespace = () =>
  process.getuid?.() !== 0 &&
  spawnSync(NAMESPACE[0], [...NAMESPACE.slice(1), "true"], { stdio: "ignore" }).status === 0

const conformance = (args, output = "inherit") =>
  new Promise((resolve) => {
    const mounts = ["server", "faults"].includes(args[0]) && needsNamespace()
    const [command, ...more] = [...(mounts ? NAMESPACE : []), program, "conformance", ...args]
    running = spawn(command, more, {
      cwd: root,
      stdio: ["ignore", output, "inherit"]
    })
    running.on("error", (error) => {
      process.stderr.write(`${program}: ${error.message}\n`)
      resolve(1)
    })
    running.on("close", (code) => resolve(code ?? 1))
  })

const failedCases = (json) =>
  JSON.parse(fs.readFileSync(json, "utf8")).cases.filter(({ verdict }) => verdict._tag === "Failed").length

const { names, flags } = readArguments(process.argv.slice(2))
const ownSeed = flags.some((flag) => flag === "--seed" || flag.startsWith("--seed="))
const seed = ownSeed
  ? []
  : ["--seed", process.env.FC_SEED ?? String(Math.floor(Math.random() * 2_147_483_647))]

fs.rmSync(folder, { recursive: true, force: true })
fs.mkdirSync(folder, { recursive: true })

let status = 0
const results = []
for (const name of names) {
  if (interrupted) break
  process.stdout.write(`\n── ${name} ──\n`)
  const json = path.join(folder, `${name}.json`)
  const ended = await conformance([...targets[name], ...flags, ...seed, "--json", json])
  // Our own keep to what is recommended too.
  const code = ended === 0 && failedCases(json) > 0 ? 1 : ended
  // a run that was refused has no result
  if (fs.existsSync(json)) results.push({ name, code, json })
  if (status === 0) status = code
}

if (results.length > 0) {
  const files = results.map(({ json }) => json)
  const [html, junit] = [path.join(folder, "report.html"), path.join(folder, "junit.xml")]
  const code = await conformance(["report", ...files, "--html", html, "--junit", junit], "ignore")
  if (status === 0) status = code
}

const numbers = results.map(({ name, json }) => {
  const { cases, durationMs, requirements } = JSON.parse(fs.readFileSync(json, "utf8"))
  const musts = requirements.filter(
    ({ level, status: became }) => level === "MUST" && became !== "not-applicable"
  )
  const count = (tag) => cases.filter(({ verdict }) => verdict._tag === tag).length
  return {
    name,
    requirements: requirements.filter(({ status: became }) => became !== "not-applicable"),
    musts,
    covered: musts.filter(({ status: became }) => became === "passed" || became === "failed"),
    passed: count("Passed"),
    failed: count("Failed"),
    other: count("NotApplicable"),
    properties: cases.reduce((sum, { propertyRuns }) => sum + propertyRuns, 0),
    seconds: durationMs / 1000
  }
})
const columns = (name, ...cells) =>
  `${name.padEnd(18)}${cells.map((cell) => String(cell).padStart(14)).join("")}`
const table = numbers.map((row) =>
  columns(
    row.name,
    row.requirements.length,
    `${row.covered.length} of ${row.musts.length}`,
    row.passed,
    row.failed,
    row.other,
    row.properties,
    `${row.seconds.toFixed(1)} s`
  )
)
const different = (pick) => new Set(numbers.flatMap((row) => pick(row).map(({ id }) => id))).size
const total = (key) => numbers.reduce((sum, row) => sum + row[key], 0)
process.stdout.write(
  [
    "",
    columns(
      "target",
      "requirements",
      "MUSTs covered",
      "cases passed",
      "failed",
      "n.a.",
      "property runs",
      "time"
    ),
    ...table,
    "",
    `${different(({ requirements }) => requirements)} requirements, ` +
      `${different(({ covered }) => covered)} of ${different(({ musts }) => musts)} MUSTs covered; ` +
      `${total("passed")} cases passed, ${total("failed")} failed; ${total("properties")} property runs`,
    `reports: ${path.relative(process.cwd(), folder) || "."}/report.html, junit.xml`,
    ""
  ].join("\n")
)
process.exitCode = interrupted ? 130 : status
