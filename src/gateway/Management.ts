import {
  HttpApi,
  HttpApiBuilder,
  HttpServer as PlatformServer,
  HttpServerError,
  HttpServerRequest,
  HttpServerResponse,
  OpenApi
} from "@effect/platform"
import { Cause, Effect, Layer, Schema, type Scope } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { InternalFault, RouteNotFound, type ServiceError } from "../domain/Errors.ts"
import { FaultPoint } from "../domain/FaultPoint.ts"
import { Functions } from "../deploy/Functions.ts"
import { LogPipeline } from "../logs/LogPipeline.ts"
import { FunctionView } from "../protocol/Management.ts"
import { BodyBudget } from "../router/BodyBudget.ts"
import { makeAccessGuard } from "./AccessGuard.ts"
import { ManagementApi } from "./ManagementApi.ts"
import { readDeployment, readLabel, readRegistration, readRollback } from "./ManagementRequest.ts"
import { PROBLEM_TYPE, problemMessage, type ProblemMessage, problemResponse } from "./ProblemResponse.ts"

/** Answers every request below `/api`; never rejects. */
export type ManagementHandler = (request: Request, path: string) => Promise<Response>

/** Which methods a path of the API takes, from its definition; empty where nothing lives there. */
export const allowedMethods: (path: string) => ReadonlyArray<string> = (() => {
  const routes: Array<{ readonly method: string; readonly pattern: RegExp }> = []
  HttpApi.reflect(ManagementApi, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      const pattern = endpoint.path.replaceAll(".", "\\.").replaceAll(/:\w+/g, "[^/]+")
      routes.push({ method: endpoint.method, pattern: new RegExp(`^${pattern}$`) })
    }
  })
  return (path) => {
    const methods = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
    return methods.includes("GET")
      ? ["GET", "HEAD", ...methods.filter((method) => method !== "GET")]
      : methods
  }
})()

const send = ({ body, headers, status }: ProblemMessage) =>
  HttpServerResponse.text(body, { status, headers, contentType: PROBLEM_TYPE })

/** A typed error as the answer of a handler: the API's own error channel would encode it as plain JSON. */
const refused = (error: ServiceError) => Effect.succeed(send(problemMessage(error)))

const answered = <A, E extends ServiceError, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.catchAll(effect, refused)

/** Made when it is first asked for, and once: making it walks through every schema of the API. */
let openApiText: string | null = null
const openApi = () => {
  openApiText ??= JSON.stringify(OpenApi.fromApi(ManagementApi))
  return HttpServerResponse.text(openApiText, { contentType: "application/json" })
}

const encodeFunction = Schema.encode(FunctionView)

const functionsLive = HttpApiBuilder.group(ManagementApi, "functions", (handlers) =>
  Effect.gen(function* () {
    const functions = yield* Functions
    const { maxBundleBytes } = yield* ServerConfig
    const budget = yield* BodyBudget
    return handlers
      .handleRaw("register", ({ request }) =>
        Effect.gen(function* () {
          const web = yield* Effect.orDie(HttpServerRequest.toWeb(request))
          const registration = yield* readRegistration(web, budget)
          // Looked up before: of two that register a new name at the same moment, both are told that they made it.
          const isNew = yield* Effect.as(functions.get(registration.name), false).pipe(
            Effect.catchTag("FunctionNotFound", () => Effect.succeed(true))
          )
          const view = yield* functions.register(registration)
          const body = yield* Effect.orDie(encodeFunction(view))
          return HttpServerResponse.text(JSON.stringify(body), {
            status: isNew ? 201 : 200,
            contentType: "application/json",
            headers: { location: `/api/functions/${view.function_id}` }
          })
        }).pipe(Effect.scoped, answered)
      )
      .handle("list", () => answered(Effect.map(functions.list, (list) => ({ functions: list }))))
      .handle("get", ({ path }) => answered(functions.get(path.id)))
      .handleRaw("deploy", ({ path, request }) =>
        Effect.gen(function* () {
          const web = yield* Effect.orDie(HttpServerRequest.toWeb(request))
          return yield* functions.deploy(path.id, yield* readDeployment(web, budget, maxBundleBytes))
        }).pipe(Effect.scoped, answered)
      )
      .handleRaw("rollback", ({ path, request }) =>
        Effect.gen(function* () {
          const web = yield* Effect.orDie(HttpServerRequest.toWeb(request))
          return yield* functions.rollback(path.id, yield* readRollback(web, budget))
        }).pipe(Effect.scoped, answered)
      )
      .handle("reset", ({ path }) => answered(functions.reset(path.id)))
      .handle("delete", ({ path }) => answered(functions.deleteFunction(path.id)))
      .handle("deleteVersion", ({ path }) =>
        answered(
          Effect.flatMap(readLabel(path.version), (version) => functions.deleteVersion(path.id, version))
        )
      )
      .handle("versions", ({ path }) =>
        answered(Effect.map(functions.versions(path.id), (versions) => ({ versions })))
      )
  })
)

const systemLive = HttpApiBuilder.group(ManagementApi, "system", (handlers) =>
  Effect.map(Functions, ({ system }) => handlers.handle("system", () => system))
)

const documentLive = HttpApiBuilder.group(ManagementApi, "document", (handlers) =>
  handlers.handle("openapi", () => Effect.sync(openApi))
)

/** The management plane on the services that are in force where it is made; ends with the scope. */
export const makeManagement: Effect.Effect<
  ManagementHandler,
  never,
  BodyBudget | Functions | LogPipeline | ServerConfig | Scope.Scope
> = Effect.gen(function* () {
  const config = yield* ServerConfig
  const budget = yield* BodyBudget
  const functions = yield* Functions
  const { log } = yield* LogPipeline
  const guard = makeAccessGuard(config)
  const reached = yield* FaultPoint

  const live = HttpApiBuilder.api(ManagementApi).pipe(
    Layer.provide([functionsLive, systemLive, documentLive]),
    Layer.merge(PlatformServer.layerContext),
    Layer.provide([
      Layer.succeed(BodyBudget, budget),
      Layer.succeed(Functions, functions),
      Layer.succeed(ServerConfig, config)
    ])
  )

  /** What no handler foresaw: its words go into the log, the caller learns only that something failed. */
  const failed = (cause: Cause.Cause<unknown>) =>
    Effect.map(HttpServerRequest.HttpServerRequest, ({ method, url }) => {
      const error = Cause.squash(cause)
      if (isNoRoute(error))
        return send(problemMessage(new RouteNotFound({ method, path: pathOf(url), allowed: [] })))
      log({
        at: Date.now(),
        level: "error",
        message: `${method} ${pathOf(url)} failed: ${String(error)}`,
        metadata: { stack: Cause.pretty(cause) }
      })
      return send(problemMessage(new InternalFault()))
    })

  const { handler } = yield* Effect.acquireRelease(
    Effect.sync(() =>
      HttpApiBuilder.toWebHandler(
        // Around the router itself: further out, failures have become answers without a body already.
        Layer.merge(
          live,
          HttpApiBuilder.middleware(
            Effect.catchAllCause((cause) =>
              Cause.isInterruptedOnly(cause) ? Effect.failCause(cause) : failed(cause)
            )
          )
        )
      )
    ),
    ({ dispose }) => Effect.promise(dispose)
  )

  return async (request, path) => {
    const refusal = guard(request)
    if (refusal !== null) return problemResponse(refusal)
    const allowed = allowedMethods(path)
    if (!allowed.includes(request.method)) {
      return problemResponse(new RouteNotFound({ method: request.method, path, allowed }))
    }
    const response = await handler(request)
    if (request.method !== "GET" && request.method !== "HEAD") reached("answer:ready")
    response.headers.set("cache-control", "no-store")
    return response
  }
})

const pathOf = (url: string): string => url.split("?", 1)[0] ?? url

const isNoRoute = (error: unknown): boolean => error instanceof HttpServerError.RouteNotFound
