// Every check of the code that needs no running: all of them, one after another, with every failure shown.
//
//   node scripts/check.mjs [lockfile|types|lint|format|spec|dead …]
import { spawnSync } from "node:child_process"
import fs from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")

const run = (command, args) => {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, FC_SEED_PRINTED: "yes" } // knip loads vitest.config.ts, which would print the seed
  })
  if (error !== undefined) process.stdout.write(`${error.message}\n`)
  return status === 0
}

const tool = (name, ...args) => run(path.join(root, "node_modules", ".bin", name), args)

/** TypeScript 7 with Effect's diagnostics built in; plain `tsc` does not know them. */
const checkTypes = () => {
  const found = spawnSync(path.join(root, "node_modules", ".bin", "effect-tsgo"), ["get-exe-path"], {
    cwd: root,
    encoding: "utf8"
  })
  if (found.status !== 0) {
    process.stdout.write(`${found.error?.message ?? ""}${found.stdout ?? ""}${found.stderr ?? ""}\n`)
    return false
  }
  const projects = ["tsconfig.json", "native/quickjs-ng/js/tsconfig.json"]
  return projects
    .map((project) =>
      run(found.stdout.trim(), ["--project", project, "--pretty", String(process.stdout.isTTY === true)])
    )
    .every(Boolean)
}

/** A new folder of src has no import rules until somebody writes them: that must not go unnoticed. */
const everyRoomHasRules = () => {
  const { overrides } = JSON.parse(fs.readFileSync(path.join(root, ".oxlintrc.json"), "utf8"))
  const rules = overrides.filter(({ rules }) => rules["no-restricted-imports"] !== undefined)
  const others = (room) => JSON.stringify(rules.filter(({ files }) => !files[0].startsWith(`src/${room}/`)))
  const rooms = fs
    .readdirSync(path.join(root, "src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
  const without = rooms.filter(
    (room) =>
      !rules.some(({ files }) => files.some((glob) => glob.startsWith(`src/${room}/*`))) ||
      !new RegExp(`[(|]${room}[)|]`).test(others(room))
  )
  for (const room of without) {
    process.stdout.write(
      `src/${room}: .oxlintrc.json does not say what it may import, and who may import it\n`
    )
  }
  return without.length === 0
}

const checks = {
  lockfile: { title: "lock file", check: () => run(process.execPath, ["scripts/lockfile.mjs", "--check"]) },
  types: { title: "types", check: checkTypes },
  lint: {
    title: "lint",
    check: () => {
      const rooms = everyRoomHasRules()
      return tool("oxlint", "--deny-warnings", "--report-unused-disable-directives") && rooms
    }
  },
  format: { title: "format", check: () => tool("prettier", "--check", "--log-level", "warn", ".") },
  spec: { title: "specification", check: () => run(process.execPath, ["scripts/spec.mjs", "--check"]) },
  dead: { title: "dead code", check: () => tool("knip", "--no-progress", "--no-config-hints") }
}

const named = process.argv.slice(2)
const unknown = named.filter((name) => checks[name] === undefined)
if (unknown.length > 0) {
  process.stderr.write(`no such check: ${unknown.join(", ")}; there are ${Object.keys(checks).join(", ")}\n`)
  process.exit(2)
}

const results = []
for (const [name, { title, check }] of Object.entries(checks)) {
  if (named.length > 0 && !named.includes(name)) continue
  process.stdout.write(`── ${title} ──\n`)
  const started = performance.now()
  const passed = check()
  results.push({ title, passed, took: `${((performance.now() - started) / 1000).toFixed(1)} s` })
}

process.stdout.write("\n")
for (const { title, passed, took } of results) {
  process.stdout.write(`${title.padEnd(15)}${passed ? "ok" : "FAILED"}${took.padStart(passed ? 12 : 8)}\n`)
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1
