import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "@effect/platform"
import { Schema } from "effect"
import { RegisterFunction } from "../domain/FunctionSpec.ts"
import { VersionLabel } from "../domain/Ids.ts"
import { VERSION } from "../domain/Product.ts"
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
  SystemView,
  VersionDeletion,
  VersionList
} from "../protocol/Management.ts"
import { Problem } from "../protocol/Problem.ts"

/**
 * The management plane's routes, once: the router, the checks of method and path, and the OpenAPI document at
 * `/api/openapi.json` are all made from this.
 */

const named = <A, I, R>(schema: Schema.Schema<A, I, R>, identifier: string, description: string) =>
  schema.annotations({ identifier, description })

const FunctionAnswer = named(
  FunctionView,
  "Function",
  "A function, with its limits in force and its workers by state."
)
const Registered = FunctionAnswer.annotations({
  ...HttpApiSchema.annotations({ status: 201 }),
  identifier: "Function",
  description: "The function as it is registered, a new one. `Location` says where it is shown."
})
const RegisteredAgain = FunctionAnswer.annotations({
  identifier: "Function",
  description: "The function as it is registered; the name was known before."
})
const DeploymentAnswer = named(DeploymentView, "Deployment", "A version that was put in force.")
const RollbackAnswer = named(RollbackView, "Rollback", "An earlier version that was put in force again.")
const ResetAnswer = named(ResetView, "Reset", "A function whose failures were forgotten.")
const FunctionDeleted = named(FunctionDeletion, "FunctionDeletion", "A function that is no more.")
const VersionDeleted = named(VersionDeletion, "VersionDeletion", "A version that is no more.")
const FunctionsAnswer = named(FunctionList, "FunctionList", "All functions, in the order of their names.")
const VersionsAnswer = named(
  VersionList,
  "VersionList",
  "All stored versions of a function, the oldest first."
)
const Registration = named(
  RegisterFunction,
  "RegisterFunction",
  "What a function is called, what it runs on, and its limits."
)
const Upload = named(DeployByUpload, "DeployByUpload", "A bundle sent along, as text.")
const ByPath = named(DeployByPath, "DeployByPath", "A bundle that lies on the server's machine.")
const Back = named(
  RollbackRequest,
  "RollbackRequest",
  "The version to go back to; without one it is the version that was in force before. The body may be left out."
)

// Only described here: the handlers read forms themselves (`ManagementRequest.ts`).
const file = Schema.String.annotations({ jsonSchema: { type: "string", format: "binary" } })

/** The same as `DeployByUpload`, as `curl -F version=v1 -F bundle=@dist/bundle.js` sends it. */
const Form = HttpApiSchema.Multipart(
  Schema.Struct({ version: VersionLabel, bundle: file, source_map: Schema.optional(file) })
)

const problem = (status: number) =>
  Problem.annotations({
    ...HttpApiSchema.annotations({ status }),
    identifier: "Problem",
    description: "What went wrong and what to do (RFC 9457)."
  })

/** What each status of a failure means here; the last four can meet every operation. */
const failures: Readonly<Record<string, string>> = {
  400: "FN_006: the request is wrong; `violations` lists every field that is.",
  404: "FN_001: no function has this name or id, or it has no such version, or none that is in force.",
  413: "FN_006: the body is over its limit.",
  422: "FN_005: the bundle cannot be deployed: it is missing, has a syntax error or no handler, its worker does not start, or the version exists with other content. What was in force stays in force; `detail` ends with which version that is.",
  401: "FN_009: the server has an API key, and the request did not show it.",
  403: "FN_009: the request came from a web page of another host.",
  429: "FN_007: others wait for this function already, or the version's workers have not ended; `Retry-After` says when to come back.",
  500: "FN_004: the service itself failed.",
  503: "FN_008: the service is shutting down."
}

const byId = Schema.Struct({
  id: Schema.String.annotations({ description: "The function's id or its name." })
})

const byVersion = Schema.Struct({
  ...byId.fields,
  version: Schema.String.annotations({ description: "The version's label." })
})

const about = (summary: string, description: string) => OpenApi.annotations({ summary, description })

const functions = HttpApiGroup.make("functions")
  .add(
    HttpApiEndpoint.post("register", "/api/functions")
      .setPayload(Registration)
      .addSuccess(Registered)
      .addSuccess(RegisteredAgain)
      .addError(problem(413))
      .annotateContext(
        about(
          "Register a function",
          "Makes a name known. It answers calls once a version of it has been deployed. Until then, registering it again replaces its settings as a whole; from then on only the same settings are accepted."
        )
      )
  )
  .add(
    HttpApiEndpoint.get("list", "/api/functions")
      .addSuccess(FunctionsAnswer)
      .annotateContext(about("List the functions", "All functions that are registered, deployed or not."))
  )
  .add(
    HttpApiEndpoint.get("get", "/api/functions/:id")
      .setPath(byId)
      .addSuccess(FunctionAnswer)
      .addError(problem(404))
      .annotateContext(
        about(
          "Show a function",
          "Its limits in force, the version in force, and its workers by state at this instant."
        )
      )
  )
  .add(
    HttpApiEndpoint.post("deploy", "/api/functions/:id/deploy")
      .setPath(byId)
      .setPayload(Schema.Union(Upload, ByPath, Form))
      .addSuccess(DeploymentAnswer)
      .addError(problem(404))
      .addError(problem(413))
      .addError(problem(422))
      .annotateContext(
        about(
          "Deploy a version",
          "Stores the bundle as a version, loads it in a worker, and directs all further calls there. A version never changes: the same label with other content is refused."
        )
      )
  )
  .add(
    HttpApiEndpoint.get("versions", "/api/functions/:id/versions")
      .setPath(byId)
      .addSuccess(VersionsAnswer)
      .addError(problem(404))
      .annotateContext(
        about("List the versions of a function", "Every stored version, and which one is in force.")
      )
  )
  .add(
    HttpApiEndpoint.post("rollback", "/api/functions/:id/rollback")
      .setPath(byId)
      .setPayload(Back)
      .addSuccess(RollbackAnswer)
      .addError(problem(404))
      .addError(problem(422))
      .addError(problem(429))
      .annotateContext(
        about(
          "Go back to an earlier version",
          "Loads a stored version in a worker, and directs all further calls there: the one that is named, or the one that was in force before. What fails leaves the present one in force."
        )
      )
  )
  .add(
    HttpApiEndpoint.post("reset", "/api/functions/:id/reset")
      .setPath(byId)
      .addSuccess(ResetAnswer)
      .addError(problem(404))
      .annotateContext(
        about(
          "Forget failures",
          "Forgets failed starts and crashes of the function's workers: a quarantine ends, and what is wanted is started at once."
        )
      )
  )
  .add(
    HttpApiEndpoint.del("delete", "/api/functions/:id")
      .setPath(byId)
      .addSuccess(FunctionDeleted)
      .addError(problem(404))
      .addError(problem(429))
      .annotateContext(
        about(
          "Delete a function",
          "Takes on no further call, finishes those that were taken on, and ends the workers. The versions' bundles stay on the disk; the name is free."
        )
      )
  )
  .add(
    HttpApiEndpoint.del("deleteVersion", "/api/functions/:id/versions/:version")
      .setPath(byVersion)
      .addSuccess(VersionDeleted)
      .addError(problem(404))
      .addError(problem(429))
      .annotateContext(
        about(
          "Delete a version",
          "Removes a version with its bundle and its deployments; the one in force is refused. The label is free then."
        )
      )
  )
  .annotateContext(
    OpenApi.annotations({
      title: "Functions",
      description: "Register, deploy, roll back, delete and look at functions."
    })
  )

const system = HttpApiGroup.make("system")
  .add(
    HttpApiEndpoint.get("system", "/api/system")
      .addSuccess(named(SystemView, "System", "What this server is able to do on its machine."))
      .annotateContext(
        about(
          "Show the server",
          "Its version, which runtimes functions can run on, and what holds each runtime's workers to their memory."
        )
      )
  )
  .annotateContext(OpenApi.annotations({ title: "System", description: "Look at the server itself." }))

const document = HttpApiGroup.make("document")
  .add(
    HttpApiEndpoint.get("openapi", "/api/openapi.json")
      .addSuccess(Schema.Unknown)
      .annotateContext(OpenApi.annotations({ exclude: true }))
  )
  .annotateContext(OpenApi.annotations({ exclude: true }))

type Json = Record<string, unknown>
const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const child = (of: Json, name: string): Json => {
  const value = of[name]
  return isJson(value) ? value : {}
}

/** Answers may get further fields one day; requests are refused for unknown ones, and say so. */
const openEnded = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(openEnded)
  if (!isJson(schema)) return schema
  return Object.fromEntries(
    Object.entries(schema).flatMap(([key, value]) =>
      key === "additionalProperties" && value === false ? [] : [[key, openEnded(value)]]
    )
  )
}
const requests: ReadonlySet<string> = new Set([
  "RegisterFunction",
  "DeployByUpload",
  "DeployByPath",
  "RollbackRequest"
])

const failure = (status: string): Json => ({
  description: failures[status],
  headers: {
    "X-Function-Error": {
      description: "The code of the failure.",
      schema: { type: "string" },
      example: "FN_006"
    }
  },
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } }
})

/**
 * What the generator does not say or says otherwise: every failure is one `Problem` as problem+json, whatever made it;
 * an API key is needed only where the server has one.
 */
const completed = (spec: Json): Json => {
  for (const path of Object.values(child(spec, "paths"))) {
    for (const operation of Object.values(isJson(path) ? path : {})) {
      if (!isJson(operation)) continue
      // Empty: it would say that this operation needs none of what the whole API needs.
      delete operation["security"]
      const responses = child(operation, "responses")
      for (const status of [...Object.keys(responses), "400", "401", "403", "500", "503"]) {
        if (status in failures) responses[status] = failure(status)
      }
    }
  }
  const schemas = Object.entries(child(child(spec, "components"), "schemas"))
  return {
    ...spec,
    security: [{}, { apiKey: [] }],
    components: {
      schemas: Object.fromEntries(
        schemas
          .filter(([name]) => !["HttpApiDecodeError", "Issue", "PropertyKey"].includes(name))
          .map(([name, schema]) => [name, requests.has(name) ? schema : openEnded(schema)])
      ),
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", description: "The server's API key, where it has one." }
      }
    }
  }
}

export class ManagementApi extends HttpApi.make("management")
  .add(functions)
  .add(system)
  .add(document)
  .annotateContext(
    OpenApi.annotations({
      title: "BunBase Functions",
      version: VERSION,
      description:
        "Management of the functions of one server. The functions themselves are called at `/functions/{name}` and below, with any method.",
      license: { name: "MIT" },
      transform: completed
    })
  ) {}
