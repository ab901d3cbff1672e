import { Cause, Exit, Option } from "effect"
import { ColdStartTimeout, type DeploymentFailed } from "../domain/Errors.ts"
import { type StartFailure, WorkerStartFailed } from "../worker/WorkerSpawner.ts"

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

/** What callers hear while no worker can be had: the last failure to start one, and when to come back (in `waitMs`). */
export const unavailableBecause = (
  failure: StartFailure | null,
  waitMs: number
): ColdStartTimeout | DeploymentFailed =>
  failure?._tag === "DeploymentFailed"
    ? failure
    : new ColdStartTimeout({
        reason: failure === null ? "no worker could be started" : failure.reason,
        retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000))
      })
