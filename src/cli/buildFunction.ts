import { Effect } from "effect"
import type { Bundle } from "../build/Bundler.ts"
import { findQuickJs } from "../config/QuickJsProgram.ts"
import { defaultOptions } from "../config/ServerConfig.ts"
import { DeploymentFailed } from "../domain/Errors.ts"
import { CliFailure, ExitCode, splitAdvice } from "./CliFailure.ts"
import { withProgress } from "./Output.ts"

export const RUNTIMES = ["bun", "quickjs-ng"] as const

/** Those that this installation lacks. Its server may be told of another place; then the server knows better. */
export const missingRuntimes = (): ReadonlyArray<string> =>
  findQuickJs(defaultOptions().quickjsWorker)._tag === "Found" ? [] : ["quickjs-ng"]

const isRuntime = (name: string): name is (typeof RUNTIMES)[number] =>
  (RUNTIMES as ReadonlyArray<string>).includes(name)

export interface BuiltFunction extends Bundle {
  /** Of the code, lower-case hex: what the server keeps of each version. */
  readonly sha256: string
}

/** Builds a function's source with every error of the build in its failure. */
export const buildFunction = (
  source: string,
  runtime: string | undefined
): Effect.Effect<BuiltFunction, CliFailure> =>
  Effect.gen(function* () {
    const { buildBundle } = yield* Effect.promise(() => import("../build/Bundler.ts"))
    const bundle = yield* withProgress(
      `building ${source}`,
      buildBundle(source, runtime !== undefined && isRuntime(runtime) ? { runtime } : {})
    )
    return { ...bundle, sha256: new Bun.CryptoHasher("sha256").update(bundle.code).digest("hex") }
  }).pipe(Effect.mapError((error) => buildFailed(source, error)))

const buildFailed = (source: string, error: DeploymentFailed): CliFailure => {
  // As the service would say it. What is undefined is not printed.
  const { column, file, line, message } = error
  const problem = { code: "FN_005", detail: message, retryable: false, file, line, column }
  if (error.stage === "bundle")
    return new CliFailure({ problem, exitCode: ExitCode.failed, ...splitAdvice(error.message) })
  const details = error.message.split("\n")
  const count = details.length === 1 ? "an error" : `${details.length} errors`
  return new CliFailure({
    problem,
    exitCode: ExitCode.failed,
    what: `${source} cannot be built: it has ${count}`,
    details,
    next: "mend the lines above and try again"
  })
}
