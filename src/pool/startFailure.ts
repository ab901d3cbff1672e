import { Cause, Exit, Option } from "effect"
import { ColdStartTimeout, type DeploymentFailed } from "../domain/Errors.ts"
import { type StartFailure, WorkerStartFailed } from "../worker/WorkerSpawner.ts"
import type { Quarantine } from "./Quarantine.ts"

/** Why a worker never got ready; whatever went wrong, its place in the pool and in the budget is free again. */
export const startFailureOf = (exit: Exit.Exit<void, StartFailure>): StartFailure | null =>
  Exit.match(exit, {
    onSuccess: () => null,
    onFailure: (cause) =>
      Option.getOrElse(
        Cause.failureOption(cause),
        () =>
          new WorkerStartFailed({
            kind: "spawn",
            reason: `the worker could not be started: ${Cause.pretty(cause)}`
          })
      )
  })

/**
 * What callers hear while no worker can be had: the last failure to start one, or why none is tried, and when to come back
 * (in `waitMs`). A bundle that cannot be loaded is FN_005, whether its pool is quarantined or not.
 */
export const unavailableBecause = (
  failure: StartFailure | null,
  waitMs: number,
  quarantine: Quarantine | null
): ColdStartTimeout | DeploymentFailed => {
  if (failure?._tag === "DeploymentFailed") return failure
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  return quarantine === null
    ? new ColdStartTimeout({ reason: failure?.reason ?? "no worker could be started", retryAfterSeconds })
    : new ColdStartTimeout({ reason: quarantine.reason, retryAfterSeconds, quarantined: true })
}
