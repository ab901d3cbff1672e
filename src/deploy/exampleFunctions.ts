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

/**
 * What became of one example; `file` is its name in the folder of examples. `kept`: a function of its name serves; `changed`
 * is what a person who has edited the file is to know, null where the file is what serves.
 */
export type ExampleResult =
  | { readonly _tag: "deployed"; readonly name: string; readonly file: string }
  | {
      readonly _tag: "kept"
      readonly name: string
      readonly file: string
      readonly changed:
        { readonly _tag: "differs" } | { readonly _tag: "broken"; readonly reason: string } | null
    }
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
    if (existing.active_version !== null) {
      return { _tag: "kept", name, file, changed: yield* changedSince(name, file, existing.runtime) } as const
    }
    const { code, sourceMap } = yield* buildBundle(join(folder, file), { runtime: runtimeOf(file) })
    const version = VersionLabel.make("v1")
    yield* functions.deploy(name, { version, bundle: code, source_map: sourceMap })
    return { _tag: "deployed", name, file } as const
  })

/** How an example's file stands to the version that serves under its name. */
const changedSince = (name: FunctionName, file: string, runtime: Runtime) =>
  Effect.gen(function* () {
    const functions = yield* Functions
    const { code } = yield* buildBundle(join(folder, file), { runtime })
    const sha256 = new Bun.CryptoHasher("sha256").update(code).digest("hex")
    const active = (yield* functions.versions(name)).find((one) => one.active)
    return active?.sha256 === sha256 ? null : ({ _tag: "differs" } as const)
  }).pipe(
    Effect.catchTag("DeploymentFailed", ({ message }) =>
      Effect.succeed({ _tag: "broken", reason: message } as const)
    )
  )

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
