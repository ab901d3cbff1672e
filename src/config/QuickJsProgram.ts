import { accessSync, constants, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

/** Where the program of QuickJS-NG workers lies, or why this installation has none. */
export type QuickJsProgram =
  { readonly _tag: "Found"; readonly path: string } | { readonly _tag: "Missing"; readonly reason: string }

/** Beside the folder of the built program: what the build writes where it cannot be built. */
const CAUSE_FILE = "unavailable.json"

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What the build step wrote about why it did not build: `{"reason": text}`. */
const causeIn = (file: string): string | null => {
  try {
    const written: unknown = JSON.parse(readFileSync(file, "utf8"))
    if (typeof written !== "object" || written === null || !("reason" in written)) return null
    return typeof written.reason === "string" && written.reason.trim() !== "" ? written.reason.trim() : null
  } catch {
    return null
  }
}

/** Looks for the program at `path`. Where there is none the reason says what is missing and what to do, in one sentence. */
export const findQuickJs = (path: string): QuickJsProgram => {
  if (isExecutable(path)) return { _tag: "Found", path }
  const cause = causeIn(join(dirname(dirname(path)), CAUSE_FILE))
  return {
    _tag: "Missing",
    reason:
      cause === null
        ? "this installation has no QuickJS-NG worker; build it with: npm run setup, or use bun"
        : `this installation has no QuickJS-NG worker, because it could not be built: ${cause}; mend that and run: npm run setup, or use bun`
  }
}
