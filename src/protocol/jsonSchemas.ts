import { JSONSchema, Schema } from "effect"
import { RegisterFunction } from "../domain/FunctionSpec.ts"
import { LogFileLine, LogFileRecord } from "./LogFile.ts"
import {
  DeploymentView,
  DeployRequest,
  FunctionDeletion,
  FunctionList,
  FunctionView,
  ReadyView,
  ResetView,
  RollbackRequest,
  RollbackView,
  RuntimesView,
  SystemView,
  VersionDeletion,
  VersionList
} from "./Management.ts"
import { Problem } from "./Problem.ts"
import { InvokeRequest } from "./socket/InvokeRequest.ts"
import { ErrorPayload, InvokeAnswer, managementPayloads } from "./socket/Payloads.ts"
import { Exited, ForkFailed } from "./worker/ForkControl.ts"
import * as Messages from "./worker/Messages.ts"

/** Everything that goes over a wire, and the lines of the log, by the name of its file in `spec/schemas`. */
const schemas: ReadonlyArray<readonly [name: string, title: string, schema: Schema.Schema.All]> = [
  ["worker-message", "Any message of a worker to its host that this version knows", Messages.WorkerMessage],
  ["worker-ready", "ready: worker to host", Messages.Ready],
  ["worker-response", "response: worker to host", Messages.Response],
  ["worker-error", "error: worker to host", Messages.Error],
  ["worker-log", "log: worker to host", Messages.Log],
  ["worker-pong", "pong: worker to host", Messages.Pong],
  ["worker-call", "call: worker to host", Messages.Call],
  ["worker-exited", "exited: fork server to host", Exited],
  ["worker-fork-failed", "fork_failed: fork server to host", ForkFailed],
  ["host-message", "Any message of a host to its worker that this version knows", Messages.HostMessage],
  ["host-invoke", "invoke: host to worker", Messages.Invoke],
  ["host-load", "load: host to worker", Messages.Load],
  ["host-cancel", "cancel: host to worker", Messages.Cancel],
  ["host-ping", "ping: host to worker", Messages.Ping],
  ["host-shutdown", "shutdown: host to worker", Messages.Shutdown],
  ["host-result", "result: host to worker", Messages.Result],
  ["socket-invoke-request", "INVOKE: what is asked", InvokeRequest],
  ["socket-invoke-answer", "INVOKE: what is answered with status OK", InvokeAnswer],
  ["socket-error-answer", "What an answer bears whose status is not OK", ErrorPayload],
  ...Object.entries(managementPayloads).flatMap(([command, { answer, request }]) => {
    const name = `socket-${command.toLowerCase().replaceAll("_", "-")}`
    return [
      [`${name}-request`, `${command}: what is asked`, request],
      [`${name}-answer`, `${command}: what is answered with status OK`, answer]
    ] as const
  }),
  ["http-problem", "The body of an answer that tells a failure (application/problem+json)", Problem],
  ["http-register-function-request", "POST /api/functions: what is asked", RegisterFunction],
  ["http-deploy-request", "POST /api/functions/{name}/deploy: what is asked", DeployRequest],
  ["http-deployment", "A deployment", DeploymentView],
  ["http-reset", "A reset", ResetView],
  ["http-rollback-request", "POST /api/functions/{name}/rollback: what is asked", RollbackRequest],
  ["http-rollback", "A roll-back", RollbackView],
  ["http-function-deletion", "DELETE /api/functions/{name}: what is answered", FunctionDeletion],
  [
    "http-version-deletion",
    "DELETE /api/functions/{name}/versions/{version}: what is answered",
    VersionDeletion
  ],
  ["http-function", "A function", FunctionView],
  ["http-function-list", "GET /api/functions: what is answered", FunctionList],
  ["http-version-list", "GET /api/functions/{name}/versions: what is answered", VersionList],
  ["http-runtimes", "The runtimes of a server", RuntimesView],
  ["http-ready", "GET /ready: what is answered", ReadyView],
  ["log-line", "A line of a log file that a function or the server said", LogFileLine],
  ["log-record", "A line of a log file that tells what became of an invocation", LogFileRecord],
  ["http-system", "GET /api/system: what is answered", SystemView]
]

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** What Effect says of itself: ids that would have to be unique in a document, and in words what stands beside them. */
const isOwn = (key: string, held: Json): boolean =>
  typeof held === "string" && (key === "title" || key === "description" || key === "$id")

const plain = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, held]) => !isOwn(key, held))
      .map(([key, held]) => [key, plain(held)])
  )
}

/**
 * The JSON Schemas (2020-12) of everything that goes over a wire, by name. Unknown fields are allowed everywhere: both
 * sides ignore them.
 */
export const jsonSchemas = (): ReadonlyMap<string, object> =>
  new Map(
    schemas.map(([name, title, schema]) => {
      const definitions: Record<string, JSONSchema.JsonSchema7> = {}
      const body = JSONSchema.fromAST(schema.ast, {
        definitions,
        target: "jsonSchema2020-12",
        additionalPropertiesStrategy: "allow"
      })
      const described = plain(JSON.parse(JSON.stringify({ ...body, $defs: definitions }))) as {
        readonly $defs: object
      }
      const { $defs, ...rest } = described
      return [
        name,
        {
          $schema: "https://json-schema.org/draft/2020-12/schema",
          title,
          ...rest,
          ...(Object.keys($defs).length === 0 ? {} : { $defs })
        }
      ]
    })
  )
