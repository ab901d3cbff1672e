import { Either, Schema } from "effect"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { decodeValue } from "./data/schemaMistakes.ts"
import type { Requirement } from "./model/Requirement.ts"

const RequirementSchema = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  level: Schema.Literal("MUST", "SHOULD", "MAY"),
  text: Schema.String,
  area: Schema.String,
  file: Schema.String,
  line: Schema.Int,
  roles: Schema.NonEmptyArray(Schema.Literal("worker", "host", "server")),
  since: Schema.String,
  feature: Schema.NullOr(Schema.String),
  javascript: Schema.Boolean
})
const File = Schema.Struct({ requirements: Schema.Array(RequirementSchema) })

/** The specification's requirements cannot be had: exit code 2. */
export class SpecificationUnreadable extends Error {
  override readonly name = "SpecificationUnreadable"
}

const SPECIFICATION = fileURLToPath(new URL("../spec/requirements.json", import.meta.url))

/** The requirements of `spec/requirements.json`, by id, in the specification's order. */
export const loadRequirements = async (path = SPECIFICATION): Promise<ReadonlyMap<string, Requirement>> => {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, "utf8"))
  } catch (error) {
    throw new SpecificationUnreadable(`${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const decoded = decodeValue(File, value)
  if (Either.isLeft(decoded)) {
    const shown = decoded.left.slice(0, 5).map((mistake) => `${mistake.path.join(".")}: ${mistake.message}`)
    throw new SpecificationUnreadable(`${path}: ${shown.join("; ")}`)
  }
  const known = new Map<string, Requirement>()
  for (const requirement of decoded.right.requirements) {
    if (known.has(requirement.id))
      throw new SpecificationUnreadable(`${path}: ${requirement.id} is there twice`)
    known.set(requirement.id, requirement)
  }
  return known
}
