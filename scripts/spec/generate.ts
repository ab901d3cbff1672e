import type { Fault, Requirement } from "./requirements.ts"
import { type Files, readSpecification, REQUIREMENTS_FILE, requirementsJson } from "./specification.ts"

/** `write`: only where there is no fault. `draft`: what is well-formed, whatever else there is. `check`: nothing. */
export type Mode = "write" | "draft" | "check"

export const SCHEMAS_FOLDER = "spec/schemas"

export interface Generated {
  readonly requirements: ReadonlyArray<Requirement>
  readonly faults: ReadonlyArray<Fault>
  /** What is to be written, by path. */
  readonly write: Files
  /** What is to be removed. */
  readonly remove: ReadonlyArray<string>
}

/** What becomes of the files that are there, given the schemas that the code makes. */
export const generate = (files: Files, schemas: Files, mode: Mode): Generated => {
  const documents = new Map(files)
  if (mode === "draft") documents.delete(REQUIREMENTS_FILE)
  const { faults, requirements } = readSpecification(documents)
  const wanted = new Map([[REQUIREMENTS_FILE, requirementsJson(requirements)], ...schemas])
  const stale = [...wanted].filter(([file, text]) => files.get(file) !== text)
  const orphans = [...files.keys()].filter(
    (file) => file.startsWith(`${SCHEMAS_FOLDER}/`) && !wanted.has(file)
  )
  if (mode === "check") {
    const told = [
      ...stale.map(([file]) => ({ file, message: "is not up to date; run `npm run spec` and commit it" })),
      ...orphans.map((file) => ({ file, message: "is of no Schema in the code; run `npm run spec`" }))
    ].map(({ file, message }) => ({ file, line: 1, message }))
    return { requirements, faults: [...faults, ...told], write: new Map(), remove: [] }
  }
  const writes = mode === "draft" || faults.length === 0
  return { requirements, faults, write: new Map(writes ? stale : []), remove: writes ? orphans : [] }
}
