import { Schema } from "effect"
import { readFile } from "node:fs/promises"
import { relative, resolve } from "node:path"
import type { Runtime } from "../domain/FunctionSpec.ts"
import { shown } from "./Entry.ts"
import { type Finding, isRuntimeModule, locateImport, refusedImport } from "./Finding.ts"

/** What Bun's bundler tells of a build, as far as it is read here. Paths are relative to the current folder. */
export const Metafile = Schema.Struct({
  inputs: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({
      imports: Schema.Array(
        Schema.Struct({
          path: Schema.String,
          /** The name as it stands in the code. */
          original: Schema.optional(Schema.String),
          external: Schema.optional(Schema.Boolean),
          with: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String }))
        })
      )
    })
  }),
  outputs: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({ exports: Schema.optional(Schema.Array(Schema.String)) })
  })
})
export type Metafile = typeof Metafile.Type

const hasScheme = /^[a-z][a-z0-9+.-]*:/i

/** What becomes part of the code. The bundler copies anything else to a second file, or opens it where it lay. */
const inlined = /\.(?:[cm]?[jt]s|[jt]sx|json[c5]?|toml|ya?ml|txt|md)$/

/** Imports that the bundler let pass, and that would fail where the function runs. */
export const findOutsideImports = async (
  metafile: Metafile,
  runtime: Runtime
): Promise<ReadonlyArray<Finding>> => {
  const findings: Array<Finding> = []
  for (const [importer, { imports }] of Object.entries(metafile.inputs)) {
    for (const { path, original, external, with: attributes } of imports) {
      const specifier = original ?? path
      let message: string
      if (external === true) {
        // Without a scheme it is an optional import within `try`, which now throws, as its author expected.
        if (!hasScheme.test(path) || isRuntimeModule(path, runtime)) continue
        message = refusedImport(path, runtime)
      } else {
        if (inlined.test(path) || attributes?.["type"] === "text" || hasScheme.test(path)) continue
        message = `"${specifier}" cannot become part of the bundle; if it is text, import it with { type: "text" }`
      }
      const file = resolve(importer)
      const code = await readFile(file, "utf8").catch(() => "")
      findings.push({ file: shown(file), ...locateImport(code, specifier), message })
    }
  }
  return findings
}

const SourceMap = Schema.parseJson(
  Schema.Struct({
    version: Schema.Literal(3),
    sources: Schema.Array(Schema.String),
    sourcesContent: Schema.Array(Schema.NullOr(Schema.String)),
    names: Schema.Array(Schema.String),
    mappings: Schema.String
  })
)

/**
 * Makes the bundler's output independent of where it was made. It names files relative to the current folder, in
 * comments above each module and in the source map, and hashes these names into a debug id. Here they become relative
 * to the project, and the id goes. The number of lines stays, so the mappings hold.
 */
export const relocate = (output: { code: string; sourceMap: string; metafile: Metafile; root: string }) => {
  const names = new Map(
    Object.keys(output.metafile.inputs).map((name) => [name, relocated(name, output.root)])
  )
  const code = output.code
    .split("\n")
    .map((line) => {
      if (line.startsWith("//# debugId=")) return ""
      const name = line.startsWith("// ") ? names.get(line.slice(3)) : undefined
      return name === undefined ? line : `// ${name}`
    })
    .join("\n")
    .trimEnd()
  const { sources, ...map } = Schema.decodeSync(SourceMap)(output.sourceMap)
  const sourceMap = JSON.stringify({
    version: map.version,
    file: "bundle.js",
    sources: sources.map((source) => relocated(source, output.root)),
    sourcesContent: map.sourcesContent,
    names: map.names,
    mappings: map.mappings
  })
  return { code: `${code}\n`, sourceMap, inputs: [...names.values()].sort() }
}

const relocated = (name: string, root: string): string =>
  hasScheme.test(name) ? name : relative(root, resolve(name))
