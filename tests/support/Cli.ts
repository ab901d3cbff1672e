import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const program = fileURLToPath(new URL("../../bin/bunbase", import.meta.url))

/** The path without what npm puts in front of it: there `bunbase` would be found. */
export const plainPath: string = (process.env["PATH"] ?? "")
  .split(":")
  .filter((folder) => !folder.includes("node_modules"))
  .join(":")

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly bytes: Uint8Array
  readonly stderr: string
}

export interface CliOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
}

/** Nothing of the environment in which the tests run but what a program needs to start. */
export const cliEnvironment = (env: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: tmpdir(),
  ...env
})

/** Runs the `bunbase` command as a person would: a process of its own, with its output on pipes. */
export const cli = async (args: ReadonlyArray<string>, options: CliOptions = {}): Promise<CliResult> => {
  const child = Bun.spawn({
    cmd: [program, ...args],
    cwd: options.cwd ?? tmpdir(),
    env: cliEnvironment(options.env),
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: "pipe",
    stderr: "pipe"
  })
  const [bytes, stderr] = await Promise.all([child.stdout.bytes(), child.stderr.text(), child.exited])
  return { code: child.exitCode, stdout: new TextDecoder().decode(bytes), bytes, stderr }
}

/** A new folder; `remove` takes it away. */
export const newFolder = (): { readonly path: string; readonly remove: () => void } => {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "bunbase-cli-")))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
