import { realpathSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"

const PROGRAM = fileURLToPath(new URL("../../bin/bunbase", import.meta.url))

/** A word as a POSIX shell takes it. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** A file or folder of this machine, as one types it from the working directory: the shorter of the two ways. */
export const typedPath = (path: string, cwd = process.cwd()): string => {
  const way = relative(cwd, path)
  return shellWord(way !== "" && way.length < path.length ? way : path)
}

/**
 * How this program is typed from where the user stands, for lines that are printed to be copied: `bunbase` where the path
 * finds it, else the way to it. npx puts it into the path of its child alone, so there it is `npx bunbase`.
 */
export const commandWord = (
  env: Readonly<Record<string, string | undefined>> = process.env,
  cwd = process.cwd()
): string => {
  if (env["npm_command"] === "exec") return "npx bunbase"
  const found = Bun.which("bunbase", { PATH: env["npm_command"] === undefined ? (env["PATH"] ?? "") : "" })
  if (found !== null && isProgram(found)) return "bunbase"
  const typed = typedPath(PROGRAM, cwd)
  return typed.includes("/") ? typed : `./${typed}`
}

const isProgram = (path: string): boolean => {
  try {
    return realpathSync(path) === realpathSync(PROGRAM)
  } catch {
    return false
  }
}
