import { existsSync } from "node:fs"
import { mkdir, open, rm, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import type { RunResult } from "../model/Result.ts"
import { htmlReport } from "../report/html.ts"
import { junitReport } from "../report/junit.ts"
import { UsageFault } from "./parseFlags.ts"

export interface ReportFiles {
  readonly json?: string | null
  readonly junit: string | null
  readonly html: string | null
}

/** Makes sure that the files can be written, before hours go into what they are to hold. */
export const checkWritable = async (files: ReportFiles): Promise<void> => {
  const faults: Array<string> = []
  for (const [flag, path] of Object.entries(files)) {
    if (typeof path !== "string") continue
    try {
      await mkdir(dirname(path), { recursive: true })
      const isNew = !existsSync(path)
      await (await open(path, "a")).close()
      if (isNew) await rm(path)
    } catch (error) {
      faults.push(
        `--${flag} ${path}: cannot be written: ${error instanceof Error ? error.message : String(error)}`
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
