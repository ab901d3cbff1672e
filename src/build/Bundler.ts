import { Effect, Schema } from "effect"
import { readFile } from "node:fs/promises"
import { isBuiltin } from "node:module"
import { DeploymentFailed } from "../domain/Errors.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import { checkBundle } from "./checkBundle.ts"
import { type Entry, findEntry, shown } from "./Entry.ts"
import { type Finding, listed, locateImport, refusedImport } from "./Finding.ts"
import { findOutsideImports, Metafile, relocate } from "./Metafile.ts"

/** A function's code as one self-contained file. The same sources give the same bytes, whatever folder they lie in. */
export interface Bundle {
  readonly code: string
  /** Source map version 3, as JSON; its sources are relative to the project and included. */
  readonly sourceMap: string
  /** The files that went into it, relative to the project's folder, sorted. */
  readonly inputs: ReadonlyArray<string>
  /** What it exports, `default` among them where there is one. */
  readonly exports: ReadonlyArray<string>
  /** Size of `code` in UTF-8. */
  readonly sizeBytes: number
}

export interface BuildOptions {
  /** Default: "bun". */
  readonly runtime?: Runtime
}

/**
 * Bundles a TypeScript or JavaScript file, or a folder (see `findEntry`), with everything that it imports. Only the
 * runtime's own modules may stay outside: none, on QuickJS-NG. `process.env.NODE_ENV` is fixed to "production" and
 * `__dirname` to "/", because the bundle runs elsewhere.
 *
 * Fails with `DeploymentFailed`: stage "bundle" (no entry), "syntax" or "import". All errors are in its reason, a line
 * each, with file, line and column.
 */
export const buildBundle = (
  path: string,
  options: BuildOptions = {}
): Effect.Effect<Bundle, DeploymentFailed> =>
  Effect.gen(function* () {
    const runtime = options.runtime ?? "bun"
    const entry = yield* findEntry(path)
    const { result, problems } = yield* untilComplete(entry, runtime)
    if (problems.length > 0) {
      const stage = problems.every((problem) => problem.stage === "import") ? "import" : "syntax"
      return yield* new DeploymentFailed({ stage, ...listed(problems) })
    }

    const metafile = yield* Schema.decodeUnknown(Metafile)(result.metafile).pipe(Effect.orDie)
    const outside = yield* Effect.promise(() => findOutsideImports(metafile, runtime))
    if (outside.length > 0) return yield* new DeploymentFailed({ stage: "import", ...listed(outside) })

    const [code, sourceMap, ...more] = result.outputs
    if (code === undefined || sourceMap?.kind !== "sourcemap" || more.length > 0) {
      const reason =
        "it imports something that cannot become part of one file (a page, a stylesheet, an image)"
      return yield* new DeploymentFailed({ stage: "bundle", file: shown(entry.file), reason })
    }
    const texts = yield* Effect.promise(() => Promise.all([code.text(), sourceMap.text()]))
    const bundle = relocate({ code: texts[0], sourceMap: texts[1], metafile, root: entry.root })
    // What the server will check: nothing should be sent that it must refuse.
    yield* checkBundle(bundle.code, runtime)
    return {
      ...bundle,
      exports: Object.values(metafile.outputs).flatMap((output) => output.exports ?? []),
      sizeBytes: Buffer.byteLength(bundle.code)
    }
  })

interface Problem extends Finding {
  readonly stage: "syntax" | "import"
}

/**
 * In a file with an unresolvable import the bundler does not look into the file's other imports. So the build is repeated
 * without those that are known to be missing, until it says nothing new: a person wants to see all errors at once.
 */
const MOST_ROUNDS = 10

const untilComplete = (
  entry: Entry,
  runtime: Runtime
): Effect.Effect<{ result: Bun.BuildOutput; problems: ReadonlyArray<Problem> }, DeploymentFailed> =>
  Effect.tryPromise({
    try: async () => {
      const missing = new Set<string>()
      const problems = new Map<string, Problem>()
      const add = (problem: Problem) => void problems.set(JSON.stringify(problem), problem)
      for (let round = 1; ; round++) {
        const known = missing.size
        const result = await build(entry, runtime, missing, add)
        for (const log of result.logs) {
          if (log.level !== "error") continue
          if (isResolveMessage(log) && log.position !== null) {
            missing.add(importOf(log.specifier, log.position.file))
          }
          add(problemOf(log, entry))
        }
        if (missing.size > known && round < MOST_ROUNDS) continue
        return { result, problems: [...problems.values()] }
      }
    },
    catch: (cause) =>
      new DeploymentFailed({
        stage: "bundle",
        file: shown(entry.file),
        reason: `the bundler failed: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  })

/** One import in one file. */
const importOf = (specifier: string, importer: string): string => `${specifier}\0${importer}`

const build = (
  entry: Entry,
  runtime: Runtime,
  missing: ReadonlySet<string>,
  add: (problem: Problem) => void
) =>
  Bun.build({
    entrypoints: [entry.file],
    root: entry.root,
    target: runtime === "bun" ? "bun" : "browser",
    ...(runtime === "bun" ? {} : { conditions: ["worker"] }),
    plugins: [
      ...(runtime === "bun" ? [] : [refuseBuiltins(add)]),
      ...(missing.size === 0 ? [] : [without(missing)])
    ],
    format: "esm",
    sourcemap: "external",
    metafile: true,
    env: "disable",
    define: {
      "process.env.NODE_ENV": '"production"',
      __dirname: '"/"',
      __filename: '"/bundle.js"'
    },
    throw: false
  })

const without = (missing: ReadonlySet<string>): Bun.BunPlugin => ({
  name: "without-missing",
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path, importer }) =>
      missing.has(importOf(path, importer)) ? { path, external: true } : undefined
    )
  }
})

/** Where a browser is the target, the bundler puts stand-ins in the place of Node's modules, most of them empty. */
const refuseBuiltins = (add: (problem: Problem) => void): Bun.BunPlugin => ({
  name: "refuse-builtins",
  setup(build) {
    build.onResolve({ filter: /^[a-z_]+(?::[a-z]+)?(?:\/[a-z]+)*$/ }, async ({ path, importer }) => {
      if (!isBuiltin(path)) return undefined
      const place = locateImport(await readFile(importer, "utf8").catch(() => ""), path)
      add({ stage: "import", file: shown(importer), ...place, message: refusedImport(path, "quickjs-ng") })
      return { path, external: true }
    })
  }
})

const isResolveMessage = (log: BuildMessage | ResolveMessage): log is ResolveMessage =>
  log.name === "ResolveMessage"

const problemOf = (log: BuildMessage | ResolveMessage, entry: Entry): Problem => {
  const { position } = log
  const place =
    position === null || position.line < 1
      ? { file: shown(entry.file) }
      : { file: shown(position.file), line: position.line, column: position.column }
  return isResolveMessage(log)
    ? { ...place, stage: "import", message: unresolved(log.specifier) }
    : { ...place, stage: "syntax", message: log.message }
}

const unresolved = (specifier: string): string => {
  if (/^(?:\.{0,2}\/|#)/.test(specifier)) return `cannot find "${specifier}"`
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier
  return `cannot find "${specifier}"; if it is a package, install it: npm install ${name}`
}
