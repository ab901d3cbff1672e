import { Effect } from "effect"
import { readdir } from "node:fs/promises"
import { basename, extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { buildBundle } from "../build/Bundler.ts"
import { type ManagementError, StorageFailed } from "../domain/Errors.ts"
import { FunctionName, VersionLabel } from "../domain/Ids.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
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
          functions.register({ name, runtime: runtimeOf(file), handler: "handler", env: {} })
        )
      )
    if (existing.active_version !== null) {
      return { name, version: existing.active_version, outcome: "kept" } as const
    }
    const { code, sourceMap } = yield* buildBundle(join(folder, file), { runtime: runtimeOf(file) })
    const version = VersionLabel.make("v1")
    yield* functions.deploy(name, { version, bundle: code, source_map: sourceMap })
    return { name, version, outcome: "deployed" } as const
  })

/** An example says by its name that it is for QuickJS-NG. */
const runtimeOf = (file: string): Runtime => (file.startsWith("quickjs-") ? "quickjs-ng" : "bun")

/** Deploys the project's example functions that are not there yet; those for QuickJS-NG where that is to be had. */
export const deployExamples: Effect.Effect<
  ReadonlyArray<DeployedExample>,
  ManagementError,
  Functions
> = Effect.gen(function* () {
  const files = yield* Effect.tryPromise({
    try: () => readdir(folder),
    catch: (cause) => new StorageFailed({ operation: "list the examples", reason: String(cause) })
  })
  const { runtimes } = yield* Functions
  const sources = files
    .filter((file) => /\.[jt]s$/.test(file) && !/\.test\./.test(file))
    .filter((file) => runtimes[runtimeOf(file)]?.available === true)
    .sort()
  return yield* Effect.forEach(sources, deployExample)
})
