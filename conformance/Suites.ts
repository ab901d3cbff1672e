import { loadRequirements } from "./Requirements.ts"
import type { Case } from "./model/Case.ts"
import type { ServerOptions, WorkerOptions } from "./model/Options.ts"
import type { Requirement, Role } from "./model/Requirement.ts"
import type { RunResult } from "./model/Result.ts"
import type { Suite } from "./model/Suite.ts"
import { type RunOptions, runSuite } from "./Runner.ts"
import { type Filters, select, UnknownNames } from "./Selection.ts"

/** A suite, whatever its target is. */
export interface AnySuite {
  readonly name: RunResult["suite"]
  readonly roles: ReadonlyArray<Role>
  readonly title: string
  readonly command: string
  readonly cases: ReadonlyArray<Pick<Case<never>, "id" | "title" | "requirements" | "source">>
  readonly run: (filters: Filters, options: RunOptions) => Promise<RunResult>
}

export const anySuite = <Target>(suite: Suite<Target>): AnySuite => ({
  name: suite.name,
  roles: suite.roles,
  title: suite.title,
  command: suite.command,
  cases: suite.cases,
  run: async (filters, options) => {
    const selection = select(suite.cases, options.requirements, suite.roles, filters)
    // a MUST without a case is worth a run that says so; without one there is nothing that could be red
    if (selection.cases.length === 0 && !selection.requirements.some(({ level }) => level === "MUST")) {
      throw new UnknownNames(["no case checks what was chosen"])
    }
    return await runSuite(suite, selection, options)
  }
})

/** The suites that there are, and the specification that they test. Tests put others in their place. */
export interface Suites {
  readonly requirements: () => Promise<ReadonlyMap<string, Requirement>>
  readonly worker: (options: WorkerOptions) => Promise<AnySuite>
  readonly server: (options: ServerOptions) => Promise<AnySuite>
  readonly faults: (options: ServerOptions) => Promise<AnySuite>
}

/** Loaded when they are wanted: a worker's test needs nothing of the server's. */
export const suites: Suites = {
  requirements: () => loadRequirements(),
  worker: async (options) => anySuite(await (await import("./worker/suite.ts")).workerSuite(options)),
  server: async (options) => anySuite(await (await import("./server/suite.ts")).serverSuite(options)),
  faults: async (options) => anySuite(await (await import("./faults/suite.ts")).faultsSuite(options))
}
