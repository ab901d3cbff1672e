import { existsSync, statSync } from "node:fs"
import { mkdir, open, realpath, rm, writeFile } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import type { RunResult } from "../model/Result.ts"
import { htmlReport } from "../report/html.ts"
import { junitReport } from "../report/junit.ts"
import { UsageFault } from "./parseFlags.ts"

export interface ReportFiles {
  readonly json?: string | null
  readonly junit: string | null
  readonly html: string | null
}

/** A file by the one name that it has: without links, also where it is not there yet. */
const realName = async (path: string): Promise<string> =>
  await realpath(path).catch(async () => {
    const folder = resolve(dirname(path))
    return join(await realpath(folder).catch(() => folder), basename(path))
  })

/** What would be written over: two reports in one file, or a result that is read. */
const clashes = async (
  files: ReadonlyArray<readonly [name: string, path: string]>
): Promise<ReadonlyArray<string>> => {
  const seen = new Map<string, string>()
  const faults: Array<string> = []
  for (const [name, path] of files) {
    // what goes to a pipe or a device is written over nothing
    if (existsSync(path) && !statSync(path).isFile()) continue
    const real = await realName(path)
    const other = seen.get(real)
    if (other !== undefined) faults.push(`${name} ${path}: ${other} names the same file`)
    else seen.set(real, name)
  }
  return faults
}

/**
 * Makes sure that the files can be written, before hours go into what they are to hold, and that none is written over another,
 * nor over one that is `read`.
 */
export const checkWritable = async (files: ReportFiles, read: ReadonlyArray<string> = []): Promise<void> => {
  const wanted = Object.entries(files).flatMap(([flag, path]) =>
    typeof path === "string" ? [[`--${flag}`, path] as const] : []
  )
  const inputs = [...new Set(read)].map((path) => ["the result", path] as const)
  const faults = [...(await clashes([...inputs, ...wanted]))]
  for (const [flag, path] of wanted) {
    try {
      await mkdir(dirname(path), { recursive: true })
      const isNew = !existsSync(path)
      await (await open(path, "a")).close()
      if (isNew) await rm(path)
    } catch (error) {
      faults.push(
        `${flag} ${path}: cannot be written: ${error instanceof Error ? error.message : String(error)}`
      )
    }
  }
  if (faults.length > 0) throw new UsageFault(faults, "choose another place")
}

/** Writes the reports that are wanted. The JSON file has one run alone. */
export const writeReports = async (runs: ReadonlyArray<RunResult>, files: ReportFiles): Promise<void> => {
  const [first] = runs
  if (typeof files.json === "string") await writeFile(files.json, `${JSON.stringify(first, null, 1)}\n`)
  if (files.junit !== null) await writeFile(files.junit, junitReport(runs))
  if (files.html !== null) await writeFile(files.html, htmlReport(runs))
}
