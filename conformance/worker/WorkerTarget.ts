import { existsSync } from "node:fs"
import { join, relative } from "node:path"
import { type CaseContext, CaseFailure } from "../model/Case.ts"
import type { CaseRoom } from "./CaseRoom.ts"
import { ABSENT } from "./functions.ts"
import { commandLine } from "./target/commandLine.ts"
import { WorkerSession } from "./session/WorkerSession.ts"

/** How a case starts its worker. */
export interface WorkerSetting {
  /** A fixture function; null: without a bundle, for `load`. */
  readonly function: string | null
  readonly handler?: string
  readonly env?: Readonly<Record<string, string>>
  /** The bundle is named from the working directory. */
  readonly relative?: boolean
  /** How many times as long as usual one wait may last; 1. */
  readonly patience?: number
  /** Whether it has to have said `ready` before the case begins; true. */
  readonly awaitReady?: boolean
  /** It is looked at, and not tested yet: only what is no message in form is held against it. */
  readonly formOnly?: boolean
}

export interface WorkerTargetOptions {
  readonly command: string
  readonly functions: string
  readonly extension: string
  /** Milliseconds that one wait may last. */
  readonly patienceMs: number
  /** Runs of each property; null: as many as it has by itself. */
  readonly propertyRuns: number | null
}

/** Starts workers for cases, by the command of the user's. */
export class WorkerTarget {
  readonly propertyRuns: number | null
  readonly patienceMs: number
  /** What the target announced; known once it was probed. */
  features: ReadonlyArray<string> = []
  /** Where workers begin; another folder than the suite's where the command goes to one (`cd x && worker`). */
  folder = process.cwd()
  readonly #options: WorkerTargetOptions

  constructor(options: WorkerTargetOptions) {
    this.#options = options
    this.propertyRuns = options.propertyRuns
    this.patienceMs = options.patienceMs
  }

  /** Where a fixture function lies. One that is missing is a failure: it belongs to the suite, or the user's folder lacks it. */
  readonly pathOf = (name: string): string => {
    const path = join(this.#options.functions, `${name}.${this.#options.extension}`)
    if (name !== ABSENT && !existsSync(path)) throw new CaseFailure(`there is no function file ${path}`)
    return path
  }

  /** The shell command that starts a worker with a fixture function. */
  commandOf(name: string): string {
    return commandLine(this.#options.command, { path: this.pathOf(name), handler: null })
  }

  /** Starts a worker for a case; whoever calls ends it. */
  start(setting: WorkerSetting, context: CaseContext): WorkerSession {
    const { command } = this.#options
    const path = setting.function === null ? null : this.pathOf(setting.function)
    return WorkerSession.start({
      command,
      bundle:
        path === null
          ? null
          : {
              path: setting.relative === true ? relative(this.folder, path) : path,
              handler: setting.handler ?? null
            },
      env: setting.env ?? {},
      folder: context.folder,
      processes: context,
      transcript: context.transcript,
      signal: context.signal,
      patienceMs: this.patienceMs * (setting.patience ?? 1),
      formOnly: setting.formOnly ?? false
    })
  }

  /** Plays something with a worker of its own, then looks whether all was in order, and ends the worker in any case. */
  async play(
    setting: WorkerSetting,
    context: CaseContext,
    run: (room: CaseRoom) => Promise<void>
  ): Promise<void> {
    const session = this.start(setting, context)
    try {
      if (setting.awaitReady ?? true) await session.ready()
      await run({ session, pathOf: this.pathOf })
      await session.finish()
    } finally {
      await session.process.kill()
    }
  }
}
