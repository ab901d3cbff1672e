import { DeploymentFailed } from "../../src/domain/Errors.ts"
import type { FunctionLimits } from "../../src/domain/FunctionSpec.ts"
import { type Manners, type StartScript, startTimedOut } from "../support/ScriptedWorkers.ts"

/** What one run takes place in. */
export interface Setting {
  readonly maxQueueLength: number
  readonly maxQueueWaitMs: number
  readonly maxWorkersTotal: number
  readonly maxConcurrentStarts: number
  readonly functions: ReadonlyArray<Partial<FunctionLimits>>
  readonly manners: ReadonlyArray<Manners>
  readonly starts: ReadonlyArray<"hangs" | "ready" | "fails" | "refuses">
  /** So many callers submit again from within their outcome. */
  readonly returning: number
}

export const startOf = (script: Setting["starts"][number]): StartScript =>
  script === "fails"
    ? startTimedOut()
    : script === "refuses"
      ? new DeploymentFailed({ stage: "handler", reason: "no handler" })
      : script
