import { Effect } from "effect"
import { accessSync, constants, statSync } from "node:fs"
import type { ConfigInvalid } from "../config/ConfigInvalid.ts"
import type { KindOfPath } from "../config/ConfigRules.ts"
import { defaultText } from "../config/defaultText.ts"
import { CONFIG_FLAG, CONFIG_VARIABLE, type ServerOption, serverOptions } from "../config/OptionTable.ts"
import { type ResolvedConfig, resolveConfig } from "../config/resolveConfig.ts"
import { CliFailure, ExitCode } from "./CliFailure.ts"
import { option } from "./CommandLine.ts"

/** The flags that set the server's options, made from the option table. */
export const serverFlags = Object.fromEntries([
  [CONFIG_FLAG, option(CONFIG_FLAG, "FILE", `JSON file of options (${CONFIG_VARIABLE}).`)] as const,
  ...serverOptions.flatMap((row) => (row.flag === null ? [] : [[row.flag, flagOf(row.flag, row)] as const]))
])

function valueName(row: ServerOption): string {
  return row.isPath ? "PATH" : (row.unit?.toUpperCase() ?? (row.type === "number" ? "NUMBER" : "TEXT"))
}

function flagOf(name: string, row: ServerOption): ReturnType<typeof option> {
  const fallback = defaultText(row)
  const words = [row.description, ...(fallback === null ? [] : [`Default: ${fallback}.`]), `(${row.env})`]
  return option(name, valueName(row), words.join(" "))
}

/** Options in force for these flags, or every fault of the configuration (exit code 2). */
export const resolveServerConfig = (
  flags: Readonly<Record<string, string | undefined>>,
  /** Added to what went wrong: what it means for the command. */
  consequence = ""
): Effect.Effect<ResolvedConfig, CliFailure> =>
  resolveConfig({ flags, env: process.env, cwd: process.cwd(), kindOf }).pipe(
    Effect.mapError((error) => configInvalid(error, consequence))
  )

/** Every fault of the configuration, a line each: to be told along with what is wrong with the flags themselves. */
export const configFaults = (
  flags: Readonly<Record<string, string | undefined>>
): Effect.Effect<ReadonlyArray<string>> =>
  resolveServerConfig(flags).pipe(
    Effect.match({ onFailure: ({ details = [] }) => details, onSuccess: () => [] })
  )

const kindOf: KindOfPath = (path) => {
  try {
    const facts = statSync(path)
    if (facts.isDirectory()) return "folder"
    return facts.isFile() && mayRun(path) ? "program" : "other"
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined
    // What may not be looked at may well be there: opening it will tell.
    return code === "ENOENT" || code === "ENOTDIR" ? "nothing" : "unknown"
  }
}

const mayRun = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export const configInvalid = (error: ConfigInvalid, consequence: string): CliFailure => {
  const [what = "", ...violations] = error.message.split("\n")
  return new CliFailure({
    exitCode: ExitCode.usage,
    what: what + consequence,
    details: violations.map((line) => line.trim()),
    next: "see all options with: bunbase serve --help"
  })
}
