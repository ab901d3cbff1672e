import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"
import type { CaseContext } from "../../model/Case.ts"
import { Transcript } from "../../model/Transcript.ts"
import { WorkerTarget } from "../WorkerTarget.ts"

/** Longer than anything takes that comes at all. */
const PATIENCE_MS = 20_000

const scripted = fileURLToPath(new URL("scriptedWorker.ts", import.meta.url))
export const functions = fileURLToPath(new URL("../../../fixtures/functions/conformance", import.meta.url))

/** The command of a scripted worker that announces this in `ready`. */
export const scriptedCommand = (ready: object = { protocol: "1.1", features: ["ping"] }): string =>
  `${process.execPath} ${scripted} '${JSON.stringify(ready)}'`

export interface Bench {
  readonly context: CaseContext
  /** Process groups that are owned and not let go. */
  readonly owned: ReadonlySet<number>
  /** All that there were. */
  readonly started: ReadonlyArray<number>
  readonly propertyRuns: () => number
}

/** What a case is given, for the time of one test; whatever it leaves behind is killed. */
export const bench = (signal: AbortSignal = new AbortController().signal): Bench => {
  const folder = mkdtempSync(join(tmpdir(), "conformance-worker-"))
  const owned = new Set<number>()
  const started: Array<number> = []
  let runs = 0
  onTestFinished(() => {
    for (const pid of owned) {
      try {
        process.kill(-pid, "SIGKILL")
      } catch {
        // it has ended meanwhile
      }
    }
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    owned,
    started,
    propertyRuns: () => runs,
    context: {
      signal,
      seed: 7,
      transcript: new Transcript(),
      folder,
      ranProperties: (count) => {
        runs += count
      },
      observe: () => {},
      owns: (pid) => {
        owned.add(pid)
        started.push(pid)
        return () => void owned.delete(pid)
      }
    }
  }
}

/** A target that is started by this command. */
export const targetOf = (command: string, patienceMs = PATIENCE_MS): WorkerTarget =>
  new WorkerTarget({ command, functions, extension: "js", patienceMs, propertyRuns: null })
