import { Schema } from "effect"
import { existsSync } from "node:fs"
import { basename, dirname, extname, resolve } from "node:path"
import { FunctionName } from "../domain/Ids.ts"
import { type CliFailure, usage } from "./CliFailure.ts"
import { commandWord, shellWord } from "./commandWord.ts"

const isName = Schema.is(FunctionName)

/** `fn deploy ./hello`: the source is there, and what is missing is the name. Null where it looks otherwise. */
export const missingName = ([only, ...more]: ReadonlyArray<string>): CliFailure | null => {
  if (only === undefined || more.length > 0 || (isName(only) && !existsSync(only))) return null
  return usage(
    `bunbase fn deploy needs NAME before FILE|FOLDER: "${only}" is a source, and what the function is to be called is missing`,
    `for example: ${commandWord()} fn deploy ${suggestedName(only)} ${shellWord(only)}`
  )
}

/** Files that are called alike in every function. */
const SAYS_NOTHING = new Set(["index", "function", "handler", "bundle"])

const suggestedName = (source: string): string => {
  const path = resolve(source)
  const own = basename(path, extname(path))
  const name = (SAYS_NOTHING.has(own) ? basename(dirname(path)) : own)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 63)
  return isName(name) ? name : "my-function"
}
