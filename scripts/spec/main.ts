/**
 * Writes `spec/requirements.json` and `spec/schemas/` from the documents and from the Schemas in the code:
 *
 *   bun scripts/spec/main.ts [--check | --draft]
 *
 * With --check nothing is written, and what is not up to date is a fault. With --draft what is well-formed is written
 * although there are faults, and ids may vanish: for documents that nobody has read yet.
 */
import fs from "node:fs"
import path from "node:path"
import { generate, type Mode, SCHEMAS_FOLDER } from "./generate.ts"
import { AREAS } from "./requirements.ts"
import { schemaFiles } from "./schemas.ts"
import { countRequirements, REQUIREMENTS_FILE, RETIRED_FILE } from "./specification.ts"

const root = path.resolve(import.meta.dirname, "../..")
const modes: ReadonlyMap<string, Mode> = new Map([
  ["", "write"],
  ["--check", "check"],
  ["--draft", "draft"]
])
const [flag = "", ...more] = process.argv.slice(2)
const mode = modes.get(flag)
if (mode === undefined || more.length > 0) {
  process.stderr.write("usage: spec.mjs [--check | --draft]\n")
  process.exit(2)
}

fs.mkdirSync(path.join(root, SCHEMAS_FOLDER), { recursive: true })
const names = [
  ...[...AREAS.keys()].map((area) => `spec/${area}.md`),
  REQUIREMENTS_FILE,
  RETIRED_FILE,
  ...fs.readdirSync(path.join(root, SCHEMAS_FOLDER)).map((name) => `${SCHEMAS_FOLDER}/${name}`)
]
const files = new Map(
  names
    .filter((name) => fs.existsSync(path.join(root, name)))
    .map((name) => [name, fs.readFileSync(path.join(root, name), "utf8")])
)

const { faults, remove, requirements, write } = generate(files, schemaFiles(), mode)
for (const [file, text] of write) fs.writeFileSync(path.join(root, file), text)
for (const file of remove) fs.rmSync(path.join(root, file))

const lines = faults.map(({ file, line, message }) => `${file}:${line}: ${message}`)
if (mode === "write" && faults.length > 0)
  lines.push("nothing was written (--draft writes what is well-formed)")
process.stdout.write(`${[...lines, countRequirements(requirements)].join("\n")}\n`)
process.exitCode = faults.length === 0 ? 0 : 1
