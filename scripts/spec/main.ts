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
import { AREAS, type Fault } from "./requirements.ts"
import { schemaFiles } from "./schemas.ts"
import {
  countRequirements,
  readSpecification,
  REQUIREMENTS_FILE,
  requirementsJson,
  RETIRED_FILE
} from "./specification.ts"

const root = path.resolve(import.meta.dirname, "../..")
const [mode = "", ...more] = process.argv.slice(2)
if (!["", "--check", "--draft"].includes(mode) || more.length > 0) {
  process.stderr.write("usage: spec.mjs [--check | --draft]\n")
  process.exit(2)
}

const read = (file: string): string | undefined => {
  const whole = path.join(root, file)
  return fs.existsSync(whole) ? fs.readFileSync(whole, "utf8") : undefined
}

const files = new Map<string, string>()
for (const file of [...[...AREAS.keys()].map((area) => `spec/${area}.md`), REQUIREMENTS_FILE, RETIRED_FILE]) {
  const text = read(file)
  if (text !== undefined) files.set(file, text)
}
if (mode === "--draft") files.delete(REQUIREMENTS_FILE)

const { requirements, faults } = readSpecification(files)
const generated = new Map([[REQUIREMENTS_FILE, requirementsJson(requirements)], ...schemaFiles()])

const SCHEMAS = "spec/schemas"
const unknownSchemas = (
  fs.existsSync(path.join(root, SCHEMAS)) ? fs.readdirSync(path.join(root, SCHEMAS)) : []
)
  .map((name) => `${SCHEMAS}/${name}`)
  .filter((file) => !generated.has(file))

const stale: Array<Fault> = []
if (mode === "--check") {
  for (const [file, text] of generated) {
    if (read(file) !== text)
      stale.push({ file, line: 1, message: "is not up to date; run `npm run spec` and commit it" })
  }
  for (const file of unknownSchemas) stale.push({ file, line: 1, message: "is of no Schema in the code" })
}

const all = [...faults, ...stale]
for (const { file, line, message } of all) process.stdout.write(`${file}:${line}: ${message}\n`)
if (mode === "--draft" || (mode === "" && faults.length === 0)) {
  fs.mkdirSync(path.join(root, SCHEMAS), { recursive: true })
  for (const [file, text] of generated) {
    if (read(file) !== text) fs.writeFileSync(path.join(root, file), text)
  }
  for (const file of unknownSchemas) fs.rmSync(path.join(root, file))
}
process.stdout.write(`${countRequirements(requirements)}\n`)
process.exitCode = all.length === 0 ? 0 : 1
