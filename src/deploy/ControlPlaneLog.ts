import { Clock, Effect } from "effect"
import type { FunctionRecord } from "../domain/FunctionSpec.ts"
import type { VersionLabel } from "../domain/Ids.ts"
import type { LogPipeline } from "../logs/LogPipeline.ts"
import type { LogLevel } from "../protocol/worker/Wire.ts"

/** What the control plane does to a function, as lines of its log. */
export const makeControlPlaneLog = ({ log }: LogPipeline["Type"]) => {
  const say = (level: LogLevel, message: string, record?: FunctionRecord, version?: VersionLabel) =>
    Effect.map(Clock.currentTimeMillis, (at) =>
      log({
        at,
        level,
        message,
        ...(record === undefined ? {} : { functionId: record.id, functionName: record.name }),
        ...(version === undefined ? {} : { version })
      })
    )

  /** For clearing up: a failure there must not hide the failure that led to it. */
  const orSay =
    (what: string, record?: FunctionRecord, version?: VersionLabel) =>
    (body: Effect.Effect<void, { readonly message: string }>): Effect.Effect<void> =>
      Effect.catchAll(body, (error) => say("warn", `${what}: ${error.message}`, record, version))

  return { say, orSay }
}
export type ControlPlaneLog = ReturnType<typeof makeControlPlaneLog>
