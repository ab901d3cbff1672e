import { Schema } from "effect"
import { RegisterFunction } from "../../domain/FunctionSpec.ts"
import { VersionLabel } from "../../domain/Ids.ts"
import { FN_CODES } from "../ErrorTable.ts"
import {
  DeployByPath,
  DeployByUpload,
  DeploymentView,
  FunctionDeletion,
  FunctionList,
  FunctionView,
  ResetView,
  RollbackRequest,
  RollbackView,
  RuntimesView,
  VersionDeletion,
  VersionList
} from "../Management.ts"
import { Problem } from "../Problem.ts"
import { FunctionReference } from "./InvokeRequest.ts"

/**
 * The payloads of the commands that are implemented, requests and answers. What INVOKE takes is in `InvokeRequest.ts`, what
 * an answer with an error status bears in `ErrorPayload.ts`.
 */

/** What a function answered. `headers` is for clients that take a map of strings; `header_list` loses nothing. */
export const InvokeSuccess = Schema.Struct({
  success: Schema.Literal(true),
  status: Schema.Int,
  /** Values of a repeated field are joined with `, `; of `set-cookie`, which cannot be joined, it is the last. */
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** Every field as often as it came, in order. */
  header_list: Schema.optional(Schema.Array(Schema.Tuple(Schema.String, Schema.String))),
  /** Base64; empty where there is none. */
  body: Schema.optionalWith(Schema.String, { default: () => "" }),
  /** A whole number: clients read it into an integer. */
  execution_time_ms: Schema.optionalWith(Schema.Number, { default: () => 0 }),
  execution_time_us: Schema.optional(Schema.Int),
  execution_id: Schema.optionalWith(Schema.String, { default: () => "" }),
  cold_start: Schema.optional(Schema.Boolean)
})
export type InvokeSuccess = typeof InvokeSuccess.Type

/** The call worked, the function did not: `error` and `code`, and the fields of a `Problem`. */
export const InvokeFailure = Schema.Struct({
  success: Schema.Literal(false),
  error: Schema.String,
  execution_id: Schema.String,
  ...Problem.fields
})
export type InvokeFailure = typeof InvokeFailure.Type

export const InvokeAnswer = Schema.Union(InvokeSuccess, InvokeFailure)
export type InvokeAnswer = typeof InvokeAnswer.Type

/** GET_FUNCTION, GET_FUNCTION_VERSIONS, RESET_FUNCTION and DELETE_FUNCTION take this. */
export const FunctionById = Schema.Struct({ function_id: FunctionReference })

/** DEPLOY_FUNCTION with the path of a bundle on the server's machine, */
export const DeployFunctionByPath = Schema.extend(FunctionById, DeployByPath)
/** or with its text. */
export const DeployFunctionByUpload = Schema.extend(FunctionById, DeployByUpload)

/** DELETE_VERSION takes this, */
export const VersionByLabel = Schema.Struct({ ...FunctionById.fields, version: VersionLabel })
/** and ROLLBACK_FUNCTION this, with a version or without. */
export const RollbackFunction = Schema.extend(FunctionById, RollbackRequest)

/** LIST_FUNCTIONS and PING take nothing; an empty payload will do. */
export const Nothing = Schema.Struct({})

export const PingAnswer = Schema.Struct({
  server: Schema.String,
  version: Schema.String,
  /** Where this server takes HTTP from its own machine. */
  http_url: Schema.optional(Schema.String),
  /** The folder of its daily log files. */
  logs_dir: Schema.optional(Schema.String),
  runtimes: Schema.optional(RuntimesView),
  protocols: Schema.Record({ key: Schema.String, value: Schema.String })
})
export type PingAnswer = typeof PingAnswer.Type

/** An answer whose status is not OK. All values are strings: existing clients read it into a map of strings. */
export const ErrorPayload = Schema.Struct({
  /** What happened and what to do. */
  error: Schema.String,
  code: Schema.Literal(...FN_CODES),
  /** INVOKE only, and where the invocation had an id already. */
  execution_id: Schema.optional(Schema.String),
  /** The whole problem, as JSON text: the very document that HTTP answers. */
  problem: Schema.optional(Schema.parseJson(Problem))
})
export type ErrorPayload = typeof ErrorPayload.Type

/** The Schemas by command: what is sent and what is answered with status OK. */
export const managementPayloads = {
  REGISTER_FUNCTION: { request: RegisterFunction, answer: FunctionView },
  DEPLOY_FUNCTION: {
    request: Schema.Union(DeployFunctionByUpload, DeployFunctionByPath),
    answer: DeploymentView
  },
  GET_FUNCTION_VERSIONS: { request: FunctionById, answer: VersionList },
  DELETE_FUNCTION: { request: FunctionById, answer: FunctionDeletion },
  DELETE_VERSION: { request: VersionByLabel, answer: VersionDeletion },
  ROLLBACK_FUNCTION: { request: RollbackFunction, answer: RollbackView },
  LIST_FUNCTIONS: { request: Nothing, answer: FunctionList },
  GET_FUNCTION: { request: FunctionById, answer: FunctionView },
  RESET_FUNCTION: { request: FunctionById, answer: ResetView },
  PING: { request: Nothing, answer: PingAnswer }
} as const
export type ManagementCommand = keyof typeof managementPayloads
