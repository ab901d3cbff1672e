import { Context, Data, type Effect, type Scope } from "effect"
import type { StartTimes } from "../domain/ColdStart.ts"
import type { DeploymentFailed } from "../domain/Errors.ts"
import type { Runtime } from "../domain/FunctionSpec.ts"
import type { WorkerId } from "../domain/Ids.ts"
import type { Target } from "../domain/Invocation.ts"
import type { MemoryLimitInForce } from "../domain/MemoryReading.ts"
import type { WorkerFault } from "./WorkerAnswer.ts"
import type { WorkerSession } from "./WorkerSession.ts"

/** The worker never got as far as `ready`, for a reason that lies with the machine or the process, not with the code. */
export class WorkerStartFailed extends Data.TaggedError("WorkerStartFailed")<{
  readonly kind: "spawn" | "exit" | "timeout"
  readonly reason: string
}> {
  override get message() {
    return this.reason
  }
}

/** Why a worker did not start: `DeploymentFailed` when it is the bundle's fault and would happen again. */
export type StartFailure = WorkerStartFailed | DeploymentFailed

/** A live worker process that has loaded its bundle. */
export interface Worker {
  readonly id: WorkerId
  readonly pid: number
  readonly session: WorkerSession
  /** Invocations that it can have in flight: 1 without the feature `concurrency`. */
  readonly multiplexes: boolean
  /** What its start took. */
  readonly startup: StartTimes
  /** The first of its end and its first fault. The session's invocations are settled before this resolves. */
  readonly ended: Effect.Effect<WorkerFault>
  /** Kills the process group at once. */
  readonly kill: () => void
}

/**
 * Starts worker processes of one or more runtimes. The process belongs to the scope: closing it asks the worker to end
 * (`shutdown`, then TERM, then KILL of its group, each with a bound) and removes its temp folder.
 */
export class WorkerSpawner extends Context.Tag("WorkerSpawner")<
  WorkerSpawner,
  {
    /** Resolves when the worker is ready. Fails within the configured start-up time-out, with nothing left behind. */
    readonly spawn: (target: Target, id: WorkerId) => Effect.Effect<Worker, StartFailure, Scope.Scope>
    /** The target's pool is gone: whatever was kept for starting its workers faster ends. */
    readonly forget?: (target: Target) => void
    /** Processes that are started, of no function yet, and can be taken now. */
    readonly spares?: () => Readonly<Record<Runtime, number>>
    /** What holds workers to their memory whose runtime does not. */
    readonly memoryLimit?: MemoryLimitInForce
  }
>() {}
