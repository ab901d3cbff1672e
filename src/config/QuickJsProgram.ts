import { Either, Schema } from "effect"
import { spawnSync } from "node:child_process"
import { accessSync, constants, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"

/** Where the program of QuickJS-NG workers lies, or why this installation has none. */
export type QuickJsProgram =
  { readonly _tag: "Found"; readonly path: string } | { readonly _tag: "Missing"; readonly reason: string }

/** Beside the folder of the built program: what the build writes where it cannot be built. */
const CAUSE_FILE = "unavailable.json"
export const causeFileOf = (program: string): string => join(dirname(dirname(program)), CAUSE_FILE)

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** It does next to nothing before its first word, but the machine may be busy. */
const MOST_MS = 10_000

/** Whether a program says, with nobody to talk to, that it is a worker which can load a bundle; else what is wrong with it. */
const tryProgram = (path: string): string | null => {
  const { error, status, stdout } = spawnSync(path, [], {
    input: "",
    timeout: MOST_MS,
    killSignal: "SIGKILL",
    maxBuffer: 64 * 1024,
    encoding: "utf8",
    env: { LANG: "C.UTF-8" },
    stdio: ["pipe", "pipe", "ignore"]
  })
  if (error !== undefined) return error.message
  const first = decodeReady(stdout.split("\n")[0] ?? "")
  if (Either.isRight(first) && first.right.payload.features.includes("load")) return null
  return `it ended with ${status === null ? "a signal" : `code ${status}`} and without a word of the worker protocol`
}

const decodeReady = Schema.decodeUnknownEither(
  Schema.parseJson(
    Schema.Struct({
      type: Schema.Literal("ready"),
      payload: Schema.Struct({ features: Schema.Array(Schema.String) })
    })
  )
)

/** What the build step writes; it may be damaged. */
const Cause = Schema.parseJson(
  Schema.Struct({
    reason: Schema.NonEmptyTrimmedString,
    what_to_do: Schema.optional(Schema.Array(Schema.String))
  })
)
const decodeCause = Schema.decodeUnknownEither(Cause)

/** Why it was not built and what to do about it, as far as the build step has said so. */
const causeIn = (file: string): string | null => {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch {
    return null
  }
  const cause = decodeCause(text)
  if (Either.isLeft(cause)) return null
  const { reason, what_to_do: advice = [] } = cause.right
  return [reason, ...advice].map((sentence) => sentence.replace(/\.?$/, ".")).join(" ")
}

/** Looks for the program at `path`, and tries it. Where there is none the reason says what is missing and what to do, in one sentence. */
export const findQuickJs = (path: string): QuickJsProgram => {
  if (isExecutable(path)) {
    const fault = tryProgram(path)
    return fault === null
      ? { _tag: "Found", path }
      : {
          _tag: "Missing",
          reason: `the program that is to be the QuickJS-NG worker is none: ${fault}; build it with: npm run setup, or use bun`
        }
  }
  const cause = causeIn(causeFileOf(path))
  return {
    _tag: "Missing",
    reason:
      cause === null
        ? "this installation has no QuickJS-NG worker; build it with: npm run setup, or use bun"
        : `this installation has no QuickJS-NG worker, because it could not be built: ${cause} Or use bun.`
  }
}
