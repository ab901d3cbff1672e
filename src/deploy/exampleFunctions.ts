import { Effect } from "effect"
import { readdir } from "node:fs/promises"
import { basename, extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { buildBundle } from "../build/Bundler.ts"
import { type ManagementError, StorageFailed } from "../domain/Errors.ts"
import { FunctionName, VersionLabel } from "../domain/Ids.ts"
import { Functions } from "./Functions.ts"

const folder = fileURLToPath(new URL("../../examples", import.meta.url))

/** What became of one example. */
export interface DeployedExample {
  readonly name: string
  readonly version: string
  readonly outcome: "deployed" | "kept"
}

/** Deploys one file under its own name, unless a function of that name is in force already: it is the user's now. */
const deployExample = (file: string): Effect.Effect<DeployedExample, ManagementError, Functions> =>
  Effect.gen(function* () {
    const functions = yield* Functions
    const name = FunctionName.make(basename(file, extname(file)))
    const existing = yield* functions
      .get(name)
      .pipe(
        Effect.catchTag("FunctionNotFound", () =>
          functions.register({ name, runtime: "bun", handler: "handler", env: {} })
        )
      )
    if (existing.active_version !== null) {
      return { name, version: existing.active_version, outcome: "kept" } as const
    }
    const { code, sourceMap } = yield* buildBundle(join(folder, file))
    const version = VersionLabel.make("v1")
    yield* functions.deploy(name, { version, bundle: code, source_map: sourceMap })
    return { name, version, outcome: "deployed" } as const
  })

/** Deploys the project's example functions for Bun that are not there yet. */
export const deployExamples: Effect.Effect<
  ReadonlyArray<DeployedExample>,
  ManagementError,
  Functions
> = Effect.gen(function* () {
  const files = yield* Effect.tryPromise({
    try: () => readdir(folder),
    catch: (cause) => new StorageFailed({ operation: "list the examples", reason: String(cause) })
  })
  const sources = files.filter((file) => /\.[jt]s$/.test(file) && !/\.test\.|^quickjs-/.test(file)).sort()
  return yield* Effect.forEach(sources, deployExample)
})
