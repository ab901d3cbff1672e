import type { ServerOption } from "./OptionTable.ts"
import { writtenValue } from "./resolveConfig.ts"
import { defaultOptions, pathsInside } from "./ServerConfig.ts"

/** An option's default as help and documentation show it; null where there is none. Names no folder of this machine. */
export const defaultText = (option: ServerOption): string | null => {
  if (option.key === "dataDir") return "./data"
  if (option.key === "quickjsWorker") return "the one that set-up has built"
  const inside: Readonly<Record<string, string>> = pathsInside("/")
  const file = inside[option.key]
  if (file !== undefined) return `${file.slice(1)} in the data folder`
  const value = writtenValue(option, defaultOptions())
  return value === null ? null : String(value)
}
