// Generates what is generated of the specification (spec/README.md), and holds its documents to their form.
//
//   node scripts/spec.mjs [--check | --draft]
import { spawnSync } from "node:child_process"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const bun = path.join(root, "node_modules", "bun", "bin", "bun.exe")
const flags = ["--no-env-file", "--no-install", "--config=/dev/null"]

const { status, error } = spawnSync(bun, [...flags, "scripts/spec/main.ts", ...process.argv.slice(2)], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"]
})
if (error !== undefined) process.stderr.write(`${error.message}; run \`npm run setup\` first\n`)
process.exitCode = status ?? 1
