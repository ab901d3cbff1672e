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

/** What became of one example; `file` is its name in the folder of examples. `kept`: a function of its name serves. */
export type ExampleResult =
  | { readonly _tag: "deployed" | "kept"; readonly name: string; readonly file: string }
  | { readonly _tag: "failed"; readonly name: string; readonly reason: string }

/** Deploys one file under its own name, unless a function of that name is in force already: it is the user's now. */
const deployExample = (
  name: FunctionName,
  file: string
): Effect.Effect<ExampleResult, ManagementError, Functions> =>
  Effect.gen(function* () {
    const functions = yield* Functions
    const existing = yield* functions
      .get(name)
      .pipe(
        Effect.catchTag("FunctionNotFound", () =>
          functions.register({ name, runtime: runtimeOf(file), handler: "handler", env: {} })
        )
      )
    if (existing.active_version !== null) return { _tag: "kept", name, file } as const
    const { code, sourceMap } = yield* buildBundle(join(folder, file), { runtime: runtimeOf(file) })
    const version = VersionLabel.make("v1")
    yield* functions.deploy(name, { version, bundle: code, source_map: sourceMap })
    return { _tag: "deployed", name, file } as const
  })

/** An example says by its name that it is for QuickJS-NG. */
const runtimeOf = (file: string): Runtime => (file.startsWith("quickjs-") ? "quickjs-ng" : "bun")

/**
 * Deploys the project's example functions that are not there yet; those for QuickJS-NG where that is to be had. One that
 * fails holds up no other. Fails only where the folder of examples cannot be read.
 */
export const deployExamples: Effect.Effect<
  ReadonlyArray<ExampleResult>,
  StorageFailed,
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
  return yield* Effect.forEach(sources, (file) => {
    const name = FunctionName.make(basename(file, extname(file)))
    return Effect.catchAll(deployExample(name, file), ({ message: reason }) =>
      Effect.succeed({ _tag: "failed", name, reason } as const)
    )
  })
})
