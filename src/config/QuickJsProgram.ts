import { Either, Schema } from "effect"
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

/** Looks for the program at `path`. Where there is none the reason says what is missing and what to do, in one sentence. */
export const findQuickJs = (path: string): QuickJsProgram => {
  if (isExecutable(path)) return { _tag: "Found", path }
  const cause = causeIn(causeFileOf(path))
  return {
    _tag: "Missing",
    reason:
      cause === null
        ? "this installation has no QuickJS-NG worker; build it with: npm run setup, or use bun"
        : `this installation has no QuickJS-NG worker, because it could not be built: ${cause} Or use bun.`
  }
}
