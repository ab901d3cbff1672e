// oxlint-disable-next-line no-restricted-imports -- the one place where the specification takes over the code's Schemas
import { jsonSchemas } from "../../src/protocol/jsonSchemas.ts"

/** The files of `spec/schemas` by path from the project's root. */
export const schemaFiles = (): ReadonlyMap<string, string> =>
  new Map(
    [...jsonSchemas()].map(([name, schema]) => [
      `spec/schemas/${name}.schema.json`,
      `${JSON.stringify(schema, null, 2)}\n`
    ])
  )
