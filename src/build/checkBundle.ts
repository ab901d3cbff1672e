import { Effect } from "effect"
import { DeploymentFailed } from "../domain/Errors.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import { type Finding, isRuntimeModule, listed, locateImport, refusedImport } from "./Finding.ts"

/**
 * Where the bundle pretends to lie. Nothing exists there, so that no import can resolve next to it; and because the path
 * goes through `node_modules`, Bun refuses to run macros (`with { type: "macro" }`), which would otherwise execute the
 * caller's code in this process while it is only being parsed. `scan` and `transform` of Bun.Transpiler do run them.
 */
const ENTRY = "/nonexistent-bunbase/node_modules/function/bundle.js"
const FILE = "bundle.js"

/** Parsing takes some fifty times the size of the code in memory for a moment: 1.5 GB for a bundle of 30 MB. */
const oneAtATime = Effect.unsafeMakeSemaphore(1)

/** `https:`, `file:`, `data:`, `node:…` and absolute paths: the bundler would take these as external, or read them. */
const outside = /^(?:[a-z][a-z0-9+.-]*:|\/)/i

/**
 * Checks that code about to be deployed is one self-contained ES or CommonJS file: no syntax errors, and no import
 * (static, dynamic or `require` with a literal name, `export … from`) of anything but the runtime's own modules. Imports
 * inside `try`/`catch` are optional by convention and may be missing. The code is parsed, never run, and nothing on disk
 * is read. What only shows when the code is loaded (computed imports, early errors that the parser leaves to the engine,
 * a missing handler) is found by the worker that loads it.
 *
 * Fails with `DeploymentFailed`, stage "syntax" or "import"; the first finding gives `line` and `column`, the reason
 * lists all.
 */
export const checkBundle = (code: string, runtime: Runtime): Effect.Effect<void, DeploymentFailed> =>
  Effect.tryPromise({
    try: () => inspect(code, runtime),
    catch: (cause) =>
      new DeploymentFailed({ stage: "bundle", reason: `the bundle could not be checked: ${String(cause)}` })
  }).pipe(
    oneAtATime.withPermits(1),
    Effect.flatMap(({ syntax, imports }) => {
      if (syntax.length > 0) return new DeploymentFailed({ stage: "syntax", ...listed(syntax) })
      if (imports.length > 0) return new DeploymentFailed({ stage: "import", ...listed(imports) })
      return Effect.void
    })
  )

interface Inspection {
  readonly syntax: ReadonlyArray<Finding>
  readonly imports: ReadonlyArray<Finding>
}

const inspect = async (code: string, runtime: Runtime): Promise<Inspection> => {
  const refused = new Set<string>()
  const specifiers = new Map<string, string>()
  const result = await Bun.build({
    entrypoints: [FILE],
    root: "/",
    target: runtime === "bun" ? "bun" : "browser",
    format: "esm",
    throw: false,
    env: "disable",
    plugins: [
      {
        name: "self-contained",
        setup(build) {
          build.onResolve({ filter: /.*/ }, ({ path, kind }) => {
            if (kind.startsWith("entry-point")) return { path: ENTRY }
            if (isRuntimeModule(path, runtime)) return { path, external: true }
            if (outside.test(path) || isRuntimeModule(path, "bun")) {
              refused.add(path)
              return { path, external: true }
            }
            // Left to the bundler's own resolver: it finds nothing, says where, and knows what is guarded by a `try`.
            specifiers.set(path.slice(path.lastIndexOf("/") + 1), path)
            return undefined
          })
          build.onLoad({ filter: /.*/ }, ({ path }) => {
            if (path === ENTRY) return { contents: code, loader: "js" }
            // The resolver did find something on this machine (NODE_PATH, /node_modules): not part of the bundle either.
            refused.add(specifierOf(path, specifiers))
            return { contents: "", loader: "js" }
          })
        }
      }
    ]
  })

  const syntax: Array<Finding> = []
  const imports: Array<Finding> = []
  for (const log of result.logs) {
    if (log.level !== "error") continue
    const place = { file: FILE, ...positionOf(log) }
    if (log.name === "ResolveMessage") {
      imports.push({ ...place, message: refusedImport((log as ResolveMessage).specifier, runtime) })
    } else if (/\bmacros?\b/i.test(log.message)) {
      imports.push({ ...place, message: "macros cannot be used in a deployed bundle; build it first" })
    } else if (!log.message.startsWith("No matching export in ")) {
      const tooDeep = log.message === "Maximum call stack size exceeded"
      syntax.push({ ...place, message: tooDeep ? "the code is nested too deeply" : log.message })
    }
  }
  for (const specifier of refused) {
    imports.push({
      file: FILE,
      ...locateImport(code, specifier),
      message: refusedImport(specifier, runtime)
    })
  }
  return { syntax, imports }
}

const specifierOf = (path: string, specifiers: ReadonlyMap<string, string>): string => {
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]
  return inPackage ?? specifiers.get(path.slice(path.lastIndexOf("/") + 1)) ?? path
}

const positionOf = (log: BuildMessage | ResolveMessage) =>
  log.position !== null && log.position.line > 0
    ? { line: log.position.line, column: log.position.column }
    : {}
