import { Schema } from "effect"
import { START_CAUSES } from "../domain/ColdStart.ts"
import { END_CAUSES, EndDetails } from "../domain/EndCause.ts"
import { LOG_LEVELS } from "./worker/Wire.ts"

const common = {
  /** ISO 8601, UTC, to a millisecond. */
  time: Schema.String,
  worker_id: Schema.optional(Schema.String)
}

/** A line of a log file that a function or the server said (GR-079). */
export const LogFileLine = Schema.Struct({
  ...common,
  type: Schema.Literal("log"),
  level: Schema.Literal(...LOG_LEVELS),
  function_id: Schema.optional(Schema.String),
  function: Schema.optional(Schema.String),
  version: Schema.optional(Schema.String),
  invocation_id: Schema.optional(Schema.String),
  message: Schema.String,
  stack: Schema.optional(Schema.String),
  metadata: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
})

/** A line of a log file that tells what became of an invocation (GR-078). */
export const LogFileRecord = Schema.Struct({
  ...common,
  type: Schema.Literal("invocation"),
  invocation_id: Schema.String,
  function_id: Schema.String,
  function: Schema.String,
  version: Schema.String,
  outcome: Schema.Literal("ok", "error", "cancelled"),
  status: Schema.optional(Schema.Int),
  code: Schema.optional(Schema.String),
  detail: Schema.optional(Schema.String),
  /** Which limit or fault ended it, of one that has no answer. */
  ended_by: Schema.optional(Schema.Literal(...END_CAUSES)),
  ...EndDetails.fields,
  cold_start: Schema.Boolean,
  /** The rest of a cold start: why its worker was started, whether of a spare process, and where the time went. */
  start_cause: Schema.optional(Schema.Literal(...START_CAUSES)),
  start_spare: Schema.optional(Schema.Boolean),
  start_wait_ms: Schema.optional(Schema.Number),
  start_spawn_ms: Schema.optional(Schema.Number),
  start_load_ms: Schema.optional(Schema.Number),
  queue_ms: Schema.Number,
  execution_ms: Schema.Number,
  log_lines_cut: Schema.optional(Schema.Int)
})
