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
  readonly outcome: "deployed" | "unchanged"
}

/** The next of v1, v2, … */
const nextLabel = (labels: ReadonlyArray<string>): VersionLabel => {
  const numbers = labels.map((label) => /^v(\d+)$/.exec(label)?.[1]).filter((digits) => digits !== undefined)
  return VersionLabel.make(`v${Math.max(0, ...numbers.map(Number)) + 1}`)
}

/** Deploys one file under its own name, unless the version that is active has the same content. */
const deployExample = (file: string): Effect.Effect<DeployedExample, ManagementError, Functions> =>
  Effect.gen(function* () {
    const functions = yield* Functions
    const name = FunctionName.make(basename(file, extname(file)))
    const { code, sourceMap } = yield* buildBundle(join(folder, file))
    const sha256 = new Bun.CryptoHasher("sha256").update(code).digest("hex")
    yield* functions
      .get(name)
      .pipe(
        Effect.catchTag("FunctionNotFound", () =>
          functions.register({ name, runtime: "bun", handler: "handler", env: {} })
        )
      )
    const versions = yield* functions.versions(name)
    const same = versions.find((version) => version.sha256 === sha256)
    if (same?.active === true) return { name, version: same.version, outcome: "unchanged" } as const
    const version =
      same === undefined ? nextLabel(versions.map((one) => one.version)) : VersionLabel.make(same.version)
    yield* functions.deploy(name, { version, bundle: code, source_map: sourceMap })
    return { name, version, outcome: "deployed" } as const
  })

/** Deploys the project's example functions for Bun; those that have not changed stay as they are. */
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
